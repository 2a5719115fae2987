/**
 * A small picture of amounts over time. What it shows stands beside it as numbers, too: a picture is not for everybody.
 */
import { h } from "../draw/dom.js";
import { dollars, when } from "../draw/format.js";

const WIDE = 600;
const HIGH = 160;
const EDGE = 8;

/**
 * @typedef {{at: number, cents: number}} Point
 * @param {{
 *   label: string, lines: {name: string, looks: string, points: Point[]}[], inWords?: (cents: number) => string,
 * }} picture oldest first; `inWords`: how its highest and lowest are told
 */
export function linePicture({ label, lines, inWords = dollars }) {
  const all = lines.flatMap(({ points }) => points);
  const [from, to] = range(all.map(({ at }) => at));
  const [low, high] = range(all.map(({ cents }) => cents));
  const x = (/** @type {number} */ at) => round(((at - from) / (to - from || 1)) * WIDE);
  // What never moved stands in the middle.
  const y = (/** @type {number} */ cents) => round(HIGH - EDGE - (high > low ? (cents - low) / (high - low) : 0.5) * (HIGH - 2 * EDGE));
  const path = (/** @type {Point[]} */ points) => points.map(({ at, cents }) => `${x(at)},${y(cents)}`).join(" ");
  return h("figure.line-picture",
    h("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      lines.map(({ name, looks, points }) => h("polyline", { key: name, class: looks, points: path(points) }))),
    h("figcaption",
      h("span", when(from, "both")),
      lines.map(({ name, looks }) => h("span", { key: name, class: `legend ${looks}` }, name)),
      h("span", when(to, "both"))),
    h("p.line-bounds", [...new Set([inWords(high), inWords(low)])].map((bound) => h("span", bound))));
}

/** @param {number[]} values */
const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

/** @param {number} place */
const round = (place) => Math.round(place * 10) / 10;
