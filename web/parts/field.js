/** A labelled field with room for what is wrong with it beside it. */
import { h } from "../draw/dom.js";
import { select } from "./select.js";

/**
 * @param {{
 *   name: string, id?: string, label: string, value: string, change: (value: string) => void, problem?: string, hint?: string,
 *   kind?: string, options?: Record<string, string>, autocomplete?: string, [attribute: string]: any,
 * }} field `id` where another form of the screen has a field of the same name; `options` where one of several is chosen;
 *   further members are attributes of the input
 */
export function field({ name, id = name, label, value, change, problem, hint, kind = "text", options, ...attributes }) {
  const rule = hint === problem ? undefined : hint;
  const [problemId, hintId] = [`${id}-problem`, `${id}-hint`];
  const all = {
    id, name, ...attributes,
    "aria-invalid": problem ? "true" : undefined,
    "aria-describedby": [problem && problemId, rule && hintId].filter(Boolean).join(" ") || undefined,
  };
  return h("div.field", { key: name },
    h("label", { for: id }, label),
    options ? select(all, options, value, change)
      : h(kind === "textarea" ? kind : "input", { ...all, type: kind, value, on: { input: (/** @type {any} */ event) => change(event.target.value) } }),
    problem && h("p.problem", { id: problemId }, problem),
    rule && h("p.hint", { id: hintId }, rule));
}

/** Yes or no. @param {{name: string, id?: string, label: string, checked: boolean, change: (checked: boolean) => void, hint?: string}} tick */
export function tick({ name, id = name, label, checked, change, hint }) {
  const hintId = hint && `${id}-hint`;
  return h("div.tick", { key: name },
    h("label", h("input", { type: "checkbox", name, checked, "aria-describedby": hintId, on: { input: (/** @type {any} */ event) => change(event.target.checked) } }), " ", label),
    hint && h("p.hint", { id: hintId }, hint));
}

/** What the person came to do begins here. @param {HTMLElement} element */
export const focusWhenShown = (element) => requestAnimationFrame(() => element.focus());
