/** The picture of a past: what was paid, between what was bid and asked, and how much was traded below. */
import { h } from "../draw/dom.js";
import { cents } from "../draw/format.js";
import { priceTicks, timeTicks } from "./scale.js";

/** What the lowest part of the picture is for: how much was traded. */
const VOLUME_SHARE = 0.18;
/** Points between two moments that are named. */
const APART = 84;

/**
 * @typedef {import("../feeds/candles.js").Candle} Candle
 * @typedef {import("../feeds/candles.js").Past} Past
 * @typedef {import("./scale.js").Scale} Scale
 *
 * @param {Past} past @param {Scale} scale
 */
export function plot(past, scale) {
  const { width, height } = scale;
  const most = Math.max(1, Math.floor(width / APART));
  return [
    h("g", { key: "prices" }, priceTicks(scale).map((price) => [
      h("path.chart-grid", { key: price, d: `M0 ${scale.y(price)}H${width}` }),
      h("text", { key: price, x: width + 8, y: scale.y(price), "dominant-baseline": "middle" }, cents(price)),
    ])),
    h("g", { key: "times" }, timeTicks(past, most).map(({ at, name }) =>
      h("text", { key: at, x: scale.x(at), y: height + 18, "text-anchor": anchor(scale.x(at), width) }, name))),
    // What lies inside is cut at its edges: quotes far from all trades must not flatten the line of trades.
    h("svg", { key: "inside", width, height },
      h("path.chart-band", { key: "band", d: band(past, scale) }),
      h("path.chart-volume", { key: "volume", d: bars(past, scale) }),
      h("path.chart-line", { key: "line", d: line(past, scale) })),
  ];
}

/** @param {number} x @param {number} width */
const anchor = (x, width) => (x < 20 ? "start" : x > width - 20 ? "end" : "middle");

/** A price stands until the next trade: the line goes level, and then to where that was. @param {Past} past @param {Scale} scale */
function line({ items, length }, { x, y }) {
  let path = "";
  for (const { at, open, close } of items) {
    if (open === null || close === null) continue;
    const middle = x(at + length / 2);
    path += path === "" ? `M${middle} ${y(open)}V${y(close)}` : `H${middle}V${y(close)}`;
  }
  return path;
}

/** From bid to ask, wherever there are both. @param {Past} past @param {Scale} scale */
function band({ items, length }, { x, y }) {
  const quoted = items.filter(({ bid, ask }) => bid !== null && ask !== null);
  return quoted.map(({ at, bid, ask }) => `M${x(at)} ${y(Number(ask))}H${x(at + length)}V${y(Number(bid))}H${x(at)}z`).join("");
}

/** @param {Past} past @param {Scale} scale */
function bars({ items, length }, { x, height }) {
  const most = Math.max(...items.map(({ volume }) => volume));
  return items.filter(({ volume }) => volume > 0).map(({ at, volume }) => {
    const tall = Math.max(1, (volume / most) * height * VOLUME_SHARE);
    const wide = Math.max(1, (x(at + length) - x(at)) * 0.7);
    return `M${x(at + length / 2) - wide / 2} ${height}v${-tall}h${wide}v${tall}z`;
  }).join("");
}
