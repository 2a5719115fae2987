/** One of a few, side by side. */
import { h } from "../draw/dom.js";

/**
 * @template {string | boolean} Value
 * @param {{
 *   label: string, of: {value: Value, text: string, looks?: string}[], chosen: Value, choose: (value: Value) => void,
 * }} what
 */
export function choices({ label, of, chosen, choose }) {
  return h("div.choices", { role: "group", "aria-label": label }, of.map(({ value, text, looks }) =>
    h("button", { key: String(value), type: "button", class: looks, "aria-pressed": String(value === chosen), on: { click: () => choose(value) } }, text)));
}
