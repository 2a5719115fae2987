/**
 * Something that an administrator can do: what it needs to know and what would come of it. What takes something from
 * somebody is looked at twice, the second time with its numbers read anew and the name of what it is done to typed out.
 */
import { h } from "../draw/dom.js";
import { openDialog } from "../parts/dialog.js";
import { focusWhenShown } from "../parts/field.js";
import { createForm } from "../parts/form.js";

/**
 * @typedef {import("../draw/dom.js").Drawing} Drawing
 * @typedef {ReturnType<typeof createForm>} Form
 * @typedef {Record<string, any>} Values
 * @typedef {{
 *   danger?: boolean, grave?: string, values?: Values, fields?: (form: Form) => Drawing, check?: (values: Values) => Record<string, string | undefined>,
 *   tells: (values: Values) => Drawing, send: (values: Values) => Promise<string>,
 * }} Act `grave`: how the exchange calls what may take two administrators; `tells` what would happen; `send` is given null for what was left empty, and says what has happened
 *
 * @param {import("../main.js").Page} page
 * @param {string} name
 * @param {Act} act
 * @param {string} of what is to be typed
 * @param {(values: Values) => Promise<unknown>} look reads anew what `tells` speaks of, and returns null or why it could not
 */
export function openAct({ notices }, name, act, of, look) {
  let isSure = false;
  const form = createForm({ id: "act", values: { ...act.values, typed: "" }, check: act.check, send });

  /** @param {Values} values */
  async function send({ typed, ...values }) {
    if (act.danger && !isSure) {
      const problem = await look(values);
      if (problem !== null) throw problem;
      isSure = true;
      return;
    }
    try {
      const done = await act.send(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value === "" ? null : value])));
      close();
      notices.say(done);
    } finally {
      look(values);
    }
  }

  const back = () => {
    isSure = false;
    form.set({ typed: "" });
  };
  const close = openDialog(`${name}: ${of}`, () => [
    form.view(
      act.danger && !isSure ? { send: "Continue", sending: "Looking" }
        : { send: name, sending: "One moment", kind: act.danger ? "danger" : "primary", why: act.danger && form.values.typed !== of ? `Type ${of} first` : undefined },
      act.fields && h("fieldset", { disabled: isSure }, act.fields(form)),
      h("div.consequences", { role: "status" }, act.tells(form.values)),
      isSure && form.field({ name: "typed", label: `Type ${of} to go on`, autocomplete: "off", spellcheck: "false", made: focusWhenShown })),
    isSure && h("button.quiet", { on: { click: back } }, "Back"),
  ]);
}
