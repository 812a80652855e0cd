// The server's side of the chat page. Every path lies under /chat/, so the page works behind a proxy of that path.

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || `The simulator answered ${response.status}.`);
  return body;
}

const get = (path) => fetch(path, { cache: "no-store" }).then(read);

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).then(read);

const place = (bot, person) => `bot=${encodeURIComponent(bot)}&person=${person}`;

export const listBots = () => get("/chat/api/bots").then((body) => body.bots);
export const listPeople = () => get("/chat/api/people").then((body) => body.people);
export const addPerson = (firstName) => post("/chat/api/people", { first_name: firstName });
export const listMessages = (bot, person) =>
  get(`/chat/api/messages?${place(bot, person)}`).then((body) => body.messages);
export const menuOf = (bot, person) => get(`/chat/api/menu?${place(bot, person)}`).then((body) => body.menu);
export const say = (bot, person, text) => post("/chat/api/messages", { bot, person, text });

const POLL_EVERY = 1500;
const HELLO_WITHIN = 4000;

// Calls onEvent with what happens in one chat, and onFresh whenever the chat has to be read anew: at every (re)connect,
// and at intervals for as long as no event stream comes through. Returns a function that ends it.
export function follow(bot, person, onEvent, onFresh) {
  let greeted = false;
  let poll = 0;
  const startPolling = () => {
    if (!poll) poll = setInterval(onFresh, POLL_EVERY);
  };
  const source = new EventSource(`/chat/api/events?${place(bot, person)}`);
  const patience = setTimeout(() => greeted || startPolling(), HELLO_WITHIN);
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.type !== "hello") return onEvent(event);
    greeted = true;
    clearInterval(poll);
    poll = 0;
    onFresh();
  };
  source.onerror = startPolling;
  return () => {
    clearTimeout(patience);
    clearInterval(poll);
    source.close();
  };
}
