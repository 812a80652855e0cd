// Hands Telegram's word for who opened this page to the server, and goes on to the dashboard.
// Telegram puts it after the # of the address (https://core.telegram.org/bots/webapps#initializing-mini-apps).

const at = (id) => document.getElementById(id);

function tell(event) {
  if (window.TelegramWebviewProxy) window.TelegramWebviewProxy.postEvent(event, "{}");
  else if (window.parent !== window) {
    window.parent.postMessage(JSON.stringify({ eventType: event, eventData: {} }), "https://web.telegram.org");
  }
}

// Light or dark, as Telegram shows itself: by the brightness of its background.
function themeOf(parameters) {
  try {
    const colour = JSON.parse(parameters || "{}").bg_color;
    const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
    return red * 0.299 + green * 0.587 + blue * 0.114 < 128 ? "dark" : "light";
  } catch {
    return "";
  }
}

function refuse(text) {
  at("wait").hidden = true;
  at("problem").textContent = text;
  at("problem").hidden = false;
}

async function signIn() {
  tell("web_app_ready");
  tell("web_app_expand");
  const given = new URLSearchParams(location.hash.slice(1));
  const theme = themeOf(given.get("tgWebAppThemeParams"));
  if (theme) document.documentElement.dataset.theme = theme;
  const initData = given.get("tgWebAppData");
  if (!initData) return refuse("Open this page from the menu of your bot in Telegram.");
  history.replaceState(null, "", location.pathname);
  const answer = await fetch(location.pathname, {
    method: "POST",
    body: new URLSearchParams({ init_data: initData, theme }),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) return refuse([said.detail, said.hint].filter(Boolean).join(" ") || "Signing in did not work.");
  location.replace(said.next);
}

if (at("wait")) signIn().catch(() => refuse("The dashboard cannot be reached. Try again in a moment."));
