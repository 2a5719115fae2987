/** A list by pages: while it is read, when it is empty, where it ends, and the way further back. */
import { h } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { words } from "./words.js";

/**
 * @param {Pick<import("../feeds/pages.js").Pages, "store" | "older">} pages
 * @param {import("../draw/dom.js").Drawing} empty what to do so that there is something
 * @param {(items: any[]) => import("../draw/dom.js").Drawing} view
 */
export function listing(pages, empty, view) {
  const { items, more, since, busy, problem } = pages.store.state;
  if (items === null) return h("p.loading", { role: "status" }, "Loading");
  const end = since && ["Nothing from before ", when(since, "day"), " is kept."];
  if (items.length === 0) return h("div.empty", end ? h("p", end) : empty);
  return [
    view(items),
    h("div.list-end", { key: "end" },
      problem && h("p.problem", { role: "alert" }, words(/** @type {any} */ (problem))),
      more
        ? h("button.quiet", { disabled: busy, on: { click: () => pages.older() } }, busy ? "Loading" : "Load older")
        : h("p.hint", end || "That is all.")),
  ];
}
