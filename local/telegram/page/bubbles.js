// Message bubbles. Texts reach the page as text nodes only; nothing of a message is ever read as HTML.

const TAGS = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  pre: "code",
  spoiler: "span",
  blockquote: "span",
  bot_command: "span",
  mention: "span",
  hashtag: "span",
};
const SAFE_LINK = /^(https?:|tg:|mailto:)/i;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Colours and initials that stay the same for a name.
export function paintAvatar(avatar, name, key) {
  let sum = 0;
  for (const character of key) sum = (sum * 31 + character.codePointAt(0)) % 6;
  avatar.dataset.tone = String(sum);
  const words = name.trim().split(/\s+/);
  avatar.textContent = words.length > 1 ? [...words[0]][0] + [...words[1]][0] : [...(words[0] || "?")][0];
}

function marked(entity, text) {
  if (entity.type === "url" || entity.type === "text_link") {
    const target = entity.type === "url" ? text : entity.url;
    if (!SAFE_LINK.test(target)) return document.createTextNode(text);
    const link = element("a", "", text);
    link.href = target;
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    return link;
  }
  return element(TAGS[entity.type] || "span", `is-${entity.type}`, text);
}

// Entities count in UTF-16 units, as JavaScript's strings do. Where they overlap, the outer one is shown.
function fillText(body, text, entities) {
  let at = 0;
  for (const entity of entities || []) {
    if (entity.offset < at) continue;
    body.append(text.slice(at, entity.offset), marked(entity, text.slice(entity.offset, entity.offset + entity.length)));
    at = entity.offset + entity.length;
  }
  body.append(text.slice(at));
}

export function bubble(message) {
  const item = element("article", `bubble ${message.from_bot ? "from-bot" : "from-me"}`);
  item.dataset.id = message.message_id;
  item.append(element("span", "visually-hidden", `${message.from}: `));
  if (message.reply_to_message) {
    item.append(element("p", "quoted", message.reply_to_message.text || "Message"));
  }
  const body = element("p", "body");
  fillText(body, message.text || "(no text)", message.entities);
  const sent = new Date(message.date * 1000);
  const time = element("time", "when", (message.edit_date ? "edited " : "") + clock.format(sent));
  time.dateTime = sent.toISOString();
  item.append(body, time);
  return item;
}

export const dayOf = (message) => day.format(new Date(message.date * 1000));
