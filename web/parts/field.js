/** A labelled field with room for what is wrong with it beside it. */
import { h } from "../draw/dom.js";

/**
 * @param {{
 *   name: string, id?: string, label: string, value: string, change: (value: string) => void,
 *   problem?: string, hint?: string, kind?: string, autocomplete?: string, [attribute: string]: any,
 * }} field `id` where another form of the screen has a field of the same name; further members are attributes of the input
 */
export function field({ name, id = name, label, value, change, problem, hint, kind = "text", ...attributes }) {
  const rule = hint === problem ? undefined : hint;
  const [problemId, hintId] = [`${id}-problem`, `${id}-hint`];
  return h("div.field", { key: name },
    h("label", { for: id }, label),
    h("input", {
      id, name, type: kind, value, ...attributes,
      "aria-invalid": problem ? "true" : undefined,
      "aria-describedby": [problem && problemId, rule && hintId].filter(Boolean).join(" ") || undefined,
      on: { input: (/** @type {any} */ event) => change(event.target.value) },
    }),
    problem && h("p.problem", { id: problemId }, problem),
    rule && h("p.hint", { id: hintId }, rule));
}

/** What the person came to do begins here. @param {HTMLElement} element */
export const focusWhenShown = (element) => requestAnimationFrame(() => element.focus());
