/** What is said of a screen whose feeds do not answer, or whose questions: what it shows is old, and so old. */
import { h } from "../draw/dom.js";

/** A connection that comes back at once is not worth a word. */
const UNSEEN_MS = 2_000;

/**
 * How old what one sees is, in milliseconds; 0 while all of it is live.
 * @param {(import("../feeds/connection.js").Liveness | undefined)[]} feeds
 * @param {number} now
 */
export function staleFor(feeds, now) {
  const ages = feeds.map((feed) => (feed === undefined || feed.live ? 0 : now - feed.heardAt));
  const oldest = Math.max(0, ...ages);
  return oldest < UNSEEN_MS ? 0 : oldest;
}

/** Draws nothing while all is live. @param {number} age of `staleFor` */
export function notLive(age) {
  return age > 0 && h("span.badge.warn", { key: "not-live", title: "The exchange does not answer. The page keeps trying." },
    `Not live · ${ageOf(age)}`);
}

/** What could not be read is asked for again; until then it is said. @param {string} problem */
export const unread = (problem) =>
  h("div.unread", { key: "unread", role: "status" },
    problem !== "" && h("div.banner.warn", h("strong", "Not all of this is up to date"), h("p", `${problem} The page tries again by itself.`)));

/** @param {number} age */
function ageOf(age) {
  const seconds = Math.floor(age / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}
