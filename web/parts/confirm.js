/** An act that is not taken back: what it does is said first, and it takes a second press. */
import { h } from "../draw/dom.js";
import { dialog } from "./dialog.js";
import { createForm } from "./form.js";

/**
 * @param {{
 *   title: string, says: string, act: string, redraw: () => void, close: () => void,
 *   tick?: {label: string, hint?: string}, send: (ticked: boolean) => Promise<void>,
 * }} what `tick`: something that can be chosen with it
 */
export function createConfirm({ title, says, act, redraw, close, tick, send }) {
  const form = createForm({
    id: "confirm", redraw,
    values: { ticked: false },
    send: async ({ ticked }) => {
      await send(ticked);
      close();
    },
  });
  return {
    view: () =>
      dialog({ title, close }, h("p", says),
        form.view({ send: act, sending: "One moment", kind: "danger" }, tick && form.tick({ name: "ticked", ...tick }))),
    close: form.close,
  };
}
