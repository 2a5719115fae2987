/**
 * The page: it opens the screen that the address names, gives it what it needs, and draws whenever something changed,
 * at most once a frame.
 */
import { createApi } from "./api/api.js";
import { draw, h } from "./draw/dom.js";
import { createMine } from "./feeds/mine.js";
import { nothing } from "./parts/card.js";
import { closeDialog, openedDialog } from "./parts/dialog.js";
import { SCREENS } from "./screens.js";
import { drawChanges } from "./store/store.js";
import { createSession } from "./session/session.js";
import { listenToKeys } from "./shell/keys.js";
import { createNotices } from "./shell/notices.js";
import { createRouter, match } from "./shell/router.js";
import { placesFor, shell } from "./shell/shell.js";
import { showKeys } from "./shell/keys_help.js";
import { showTheme } from "./shell/theme.js";

/**
 * What every screen is opened with, and what it gives back.
 * @typedef {{
 *   api: import("./api/api.js").Api,
 *   session: import("./session/session.js").Session,
 *   mine: import("./feeds/mine.js").Mine,
 *   notices: import("./shell/notices.js").Notices,
 *   names: Record<string, string>,
 *   query: URLSearchParams,
 *   go: (address: string, how?: {replace?: boolean}) => void,
 * }} Page
 * @typedef {{
 *   view: () => import("./draw/dom.js").Drawing,
 *   title: () => string,
 *   keys?: import("./shell/keys.js").Shortcut[],
 *   close?: () => void,
 * }} Screen
 */

const session = createSession();
const api = createApi(session);
const mine = createMine(session);
const notices = createNotices();
const router = createRouter(() => open());

/** @type {Screen | null} */
let screen = null;
/** For whom it was opened; nobody is a reader, too. @type {string | null | undefined} */
let reader;
let opening = 0;

function named() {
  return SCREENS.map((one) => ({ ...one, names: match(one.path, location.pathname) })).find(({ names }) => names !== null);
}

let isAsked = false;
/** However often it is asked for, all is drawn once, before the screen is painted next. */
function drawSoon() {
  if (!isAsked) requestAnimationFrame(paint);
  isAsked = true;
}

async function open() {
  const { user, unsettled } = session.store.state;
  const found = named();
  closeDialog();
  screen?.close?.();
  screen = null;
  const turn = (opening += 1);
  if (found === undefined) {
    screen = nowhere();
  } else if (found.signedIn && unsettled) {
    screen = whileAsking();
  } else if (found.signedIn && user === null) {
    router.go(`/login?${new URLSearchParams({ then: location.pathname + location.search })}`, { replace: true });
    return;
  } else {
    const { open: openScreen } = await found.load();
    // Somebody who clicked twice gets the second.
    if (turn !== opening) return;
    const { names } = found;
    const query = new URLSearchParams(location.search);
    screen = openScreen({ api, session, mine, notices, names: names ?? {}, query, go: router.go });
  }
  drawSoon();
}

/** @returns {Screen} */
function whileAsking() {
  const view = () => h("p.loading", { role: "status" }, "The exchange is busy. It is asked again in a moment who you are.");
  return { view, title: () => "One moment" };
}

/** @returns {Screen} */
function nowhere() {
  const view = () => nothing("There is no such page", "/", "To the markets");
  return { view, title: () => "Not found" };
}

function paint() {
  isAsked = false;
  const { user, ready } = session.store.state;
  const path = location.pathname;
  document.title = screen === null ? "Verdict" : `${screen.title()} · Verdict`;
  const inside = ready && screen !== null ? screen.view() : h("p.loading", { role: "status" }, "Loading");
  draw(/** @type {Element} */ (document.getElementById("page")),
    shell({ user, path, opening, screen: inside, beside: [notices.view(), openedDialog()], signOut, help }));
}

function signOut() {
  session.signOut().catch(() => notices.say("The exchange did not answer; you are signed out on this page.", "wrong"));
}

const help = () => showKeys(shortcuts);

function shortcuts() {
  const own = screen?.keys ?? [];
  const everywhere = [
    { keys: "/", does: "Search markets", act: () => router.go("/?search") },
    ...placesFor(session.store.state.user).map(({ key, name, path }) => ({ keys: `g ${key}`, does: name, act: () => router.go(path) })),
    { keys: "?", does: "These keys", act: help },
  ];
  // A screen knows better what one of its keys does there.
  return [...everywhere.filter(({ keys }) => !own.some((one) => one.keys === keys)), ...own];
}

showTheme();
listenToKeys(shortcuts);
drawChanges(drawSoon);
// Ages, and what is left of a time, change by themselves.
setInterval(drawSoon, 1000);
session.store.read(() => {
  const { user, ready, unsettled, ended } = session.store.state;
  const who = unsettled ? undefined : user?.user_id ?? null;
  // Another reader sees other things: whatever was open is opened anew for whoever it is now.
  if (ready && (screen === null || who !== reader)) {
    const left = Boolean(reader) && who === null;
    if (left) notices.clear();
    if (ended && who !== reader) notices.say(`You were signed out: ${ended}. Sign in to go on where you were.`, "wrong");
    reader = who;
    // Who wanted to leave is not asked to come back.
    if (left && !ended && named()?.signedIn) router.go("/", { replace: true });
    else open();
  }
});
session.resume();
drawSoon();
