/** An act that is not taken back: what it does is said first, and it takes a second press. */
import { h } from "../draw/dom.js";
import { openDialog } from "./dialog.js";
import { createForm } from "./form.js";

/**
 * @param {{
 *   title: string, says: import("../draw/dom.js").Drawing, act: string, tick?: {label: string, hint?: string}, send: (ticked: boolean) => Promise<void>,
 * }} what `tick`: something that can be chosen with it
 */
export function confirm({ title, says, act, tick, send }) {
  const form = createForm({
    id: "confirm",
    values: { ticked: false },
    send: async ({ ticked }) => {
      await send(ticked);
      close();
    },
  });
  const close = openDialog(title, () => [
    h("p", says),
    form.view({ send: act, sending: "One moment", kind: "danger" }, tick && form.tick({ name: "ticked", ...tick })),
    h("button.quiet", { on: { click: () => close() } }, "Leave it"),
  ]);
}
