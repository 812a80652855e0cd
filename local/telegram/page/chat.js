// The chat page: which bot, as which person, and what they said.

import { addPerson, follow, listBots, listMessages, listPeople, menuOf, say } from "/chat/api.js";
import { bubble, dayOf, element, paintAvatar } from "/chat/bubbles.js";

const NEW_PERSON = "new";
const BOTS_EVERY = 5000;
const at = (id) => document.getElementById(id);
const state = {
  bots: [],
  people: [],
  bot: null,
  person: null,
  stop: () => {},
  shown: new Map(),
  lastDay: "",
  opened: 0,
  reading: new Set(),
};
let typingEnds = 0;

// -- bots

function showBots() {
  const list = at("bots");
  const focused = document.activeElement?.dataset?.bot;
  list.replaceChildren(
    ...state.bots.map((bot) => {
      const button = element("button", "bot");
      button.type = "button";
      button.dataset.bot = bot.username;
      if (bot.username === state.bot?.username) button.setAttribute("aria-current", "true");
      const avatar = element("span", "avatar");
      avatar.setAttribute("aria-hidden", "true");
      paintAvatar(avatar, bot.name, bot.username);
      const names = element("span", "names");
      const note = bot.connected ? "" : " · no webhook set";
      names.append(element("span", "bot-name", bot.name), element("span", "muted", `@${bot.username}${note}`));
      button.append(avatar, names);
      button.addEventListener("click", () => chooseBot(bot.username, true));
      const item = element("li");
      item.append(button);
      if (bot.username === focused) queueMicrotask(() => button.focus());
      return item;
    }),
  );
  at("no-bots").hidden = state.bots.length > 0;
  at("bot-count").textContent = state.bots.length === 1 ? "1 bot" : `${state.bots.length} bots`;
}

async function refreshBots() {
  const bots = await listBots();
  if (JSON.stringify(bots) === JSON.stringify(state.bots)) return;
  state.bots = bots;
  showBots();
  if (!state.bot && bots.length) chooseBot(wantedBot() || bots[0].username, false);
}

const wantedBot = () => {
  const wanted = new URLSearchParams(location.search).get("bot")?.replace(/^@/, "").toLowerCase();
  return state.bots.find((bot) => bot.username.toLowerCase() === wanted)?.username;
};

function chooseBot(username, byHand) {
  state.bot = state.bots.find((bot) => bot.username === username);
  if (byHand) {
    history.replaceState(null, "", `/chat?bot=${encodeURIComponent(username)}`);
    at("frame").classList.add("talking");
  }
  showBots();
  openChat();
  if (byHand) at("text").focus();
}

// -- people

function showPeople() {
  const options = state.people.map((person) => new Option(person.first_name, person.id));
  at("person").replaceChildren(...options, new Option("New person…", NEW_PERSON));
  at("person").value = String(state.person.id);
}

function choosePerson(id) {
  state.person = state.people.find((person) => String(person.id) === String(id)) || state.people[0];
  localStorage.setItem("person", String(state.person.id));
  showPeople();
  openChat();
}

at("person").addEventListener("change", (event) => {
  if (event.target.value !== NEW_PERSON) return choosePerson(event.target.value);
  event.target.value = String(state.person.id);
  at("first-name").value = "";
  at("new-person").showModal();
});
at("cancel-person").addEventListener("click", () => at("new-person").close());
at("new-person-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await attempt(async () => {
    const person = await addPerson(at("first-name").value);
    state.people = await listPeople();
    at("new-person").close();
    choosePerson(person.id);
  });
});

// -- the conversation

function openChat() {
  state.stop();
  if (!state.bot || !state.person) return;
  const mine = ++state.opened;
  document.title = `${state.bot.name} · simulated Telegram`;
  at("talk-name").textContent = state.bot.name;
  at("talk-user").textContent = `@${state.bot.username}`;
  paintAvatar(at("talk-avatar"), state.bot.name, state.bot.username);
  at("text").placeholder = `Write as ${state.person.first_name}`;
  at("text").disabled = false;
  fitText();
  clearLog();
  setTyping(0);
  showMenu();
  const { bot, person } = state;
  const fresh = async () => {
    // What happens while the messages are on their way may not be among them.
    const meanwhile = [];
    state.reading.add(meanwhile);
    const messages = await listMessages(bot.username, person.id).catch(() => null);
    state.reading.delete(meanwhile);
    if (!messages || mine !== state.opened) return;
    showMessages(messages);
    meanwhile.forEach(happened);
  };
  const heard = (event) => {
    if (mine !== state.opened) return;
    for (const meanwhile of state.reading) meanwhile.push(event);
    happened(event);
  };
  state.stop = follow(bot.username, person.id, heard, fresh);
}

// The bot's menu button. What Telegram says of the person is fresh for an hour only, so it is asked for at the click.
async function showMenu() {
  const { bot, person, opened } = state;
  at("menu").hidden = true;
  const menu = await menuOf(bot.username, person.id).catch(() => null);
  if (!menu || opened !== state.opened) return;
  at("menu").textContent = menu.text;
  at("menu").hidden = false;
}
at("menu").addEventListener("click", () =>
  attempt(async () => {
    const menu = await menuOf(state.bot.username, state.person.id);
    window.open(menu.url, "_blank", "noopener");
  }),
);

function clearLog() {
  state.shown.clear();
  state.lastDay = "";
  at("log").replaceChildren(element("p", "empty", "Loading…"));
}

function showMessages(messages) {
  const known = new Set(messages.map((message) => message.message_id));
  const same = messages.every((message) => state.shown.get(message.message_id) === JSON.stringify(message));
  if (same && messages.length && [...state.shown.keys()].every((id) => known.has(id))) return;
  state.shown.clear();
  state.lastDay = "";
  at("log").replaceChildren();
  for (const message of messages) add(message);
  if (!messages.length) at("log").append(element("p", "empty", "No messages yet. Say hello."));
  toEnd();
}

function add(message) {
  if (state.shown.has(message.message_id)) return;
  state.shown.set(message.message_id, JSON.stringify(message));
  at("log").querySelector(".empty")?.remove();
  at("log").querySelector(".draft")?.remove();
  const day = dayOf(message);
  if (day !== state.lastDay) at("log").append(element("p", "day", day));
  state.lastDay = day;
  at("log").append(bubble(message));
}

const nearEnd = () => at("log").scrollHeight - at("log").scrollTop - at("log").clientHeight < 120;
const toEnd = () => (at("log").scrollTop = at("log").scrollHeight);
const find = (id) => at("log").querySelector(`[data-id="${Number(id)}"]`);

function happened(event) {
  const follows = nearEnd();
  if (event.type === "message") {
    add(event.message);
    if (event.message.from_bot) setTyping(0);
  } else if (event.type === "edited") {
    state.shown.set(event.message.message_id, JSON.stringify(event.message));
    find(event.message.message_id)?.replaceWith(bubble(event.message));
  } else if (event.type === "deleted") {
    state.shown.delete(event.message_id);
    find(event.message_id)?.remove();
  } else if (event.type === "action") {
    setTyping(event.seconds);
  } else if (event.type === "draft") {
    showDraft(event);
  }
  if (follows || (event.type === "message" && !event.message.from_bot)) toEnd();
}

function showDraft(event) {
  at("log").querySelector(".draft")?.remove();
  if (!event.text) return;
  const draft = bubble({ message_id: 0, from_bot: true, from: state.bot.name, date: Date.now() / 1000, ...event });
  draft.classList.add("draft");
  at("log").append(draft);
}

function setTyping(seconds) {
  clearTimeout(typingEnds);
  const line = at("typing");
  line.replaceChildren();
  if (!seconds) return;
  const dots = element("span", "dots");
  dots.setAttribute("aria-hidden", "true");
  dots.append(element("i"), element("i"), element("i"));
  line.append(dots, `${state.bot.name} is typing`);
  typingEnds = setTimeout(() => setTyping(0), seconds * 1000);
}

// -- writing

async function attempt(action) {
  try {
    await action();
    at("problem").hidden = true;
  } catch (error) {
    at("problem").textContent = error instanceof TypeError ? "The simulated Telegram cannot be reached." : error.message;
    at("problem").hidden = false;
  }
}

function fitText() {
  const text = at("text");
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 160)}px`;
  at("send").disabled = !text.value.trim();
}

at("text").addEventListener("input", fitText);
at("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("compose").requestSubmit();
});
at("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text || !state.bot) return;
  at("text").value = "";
  fitText();
  attempt(() =>
    say(state.bot.username, state.person.id, text).catch((error) => {
      at("text").value = text;
      fitText();
      throw error;
    }),
  );
});
at("back").addEventListener("click", () => {
  at("frame").classList.remove("talking");
  at("bots").querySelector("[aria-current]")?.focus();
});

attempt(async () => {
  fitText();
  state.people = await listPeople();
  state.person = state.people.find((person) => String(person.id) === localStorage.getItem("person")) || state.people[0];
  showPeople();
  showBots();
  await refreshBots();
  if (wantedBot()) at("frame").classList.add("talking");
});
setInterval(() => refreshBots().catch(() => {}), BOTS_EVERY);
