/** A labelled field with room for what is wrong with it beside it. */
import { h } from "../draw/dom.js";

/**
 * @param {{
 *   name: string, label: string, value: string, change: (value: string) => void,
 *   problem?: string, hint?: string, kind?: string, autocomplete?: string, [attribute: string]: any,
 * }} field further members are attributes of the input
 */
export function field({ name, label, value, change, problem, hint, kind = "text", ...attributes }) {
  const [problemId, hintId] = [`${name}-problem`, `${name}-hint`];
  return h("div", { key: name, class: "field" },
    h("label", { for: name }, label),
    h("input", {
      id: name, name, type: kind, value, ...attributes,
      "aria-invalid": problem ? "true" : undefined,
      "aria-describedby": [problem && problemId, hint && hintId].filter(Boolean).join(" ") || undefined,
      on: { input: (/** @type {any} */ event) => change(event.target.value) },
    }),
    problem && h("p", { id: problemId, class: "problem" }, problem),
    hint && h("p", { id: hintId, class: "hint" }, hint));
}
