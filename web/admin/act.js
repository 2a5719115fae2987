/**
 * Something that an administrator can do: what it needs to know and what would come of it. What takes something from
 * somebody is looked at twice, the second time with its numbers read anew and the name of what it is done to typed out.
 */
import { h } from "../draw/dom.js";
import { dialog } from "../parts/dialog.js";
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
 * @param {{
 *   name: string, act: Act, of: string, look: (values: Values) => Promise<unknown>, redraw: () => void,
 *   close: () => void, say: (words: string) => void,
 * }} what `of`: what is to be typed; `look` reads anew what `tells` speaks of, and returns null or why it could not
 */
export function createAct({ name, act, of, look, redraw, close, say }) {
  let isSure = false;
  const form = createForm({ id: "act", values: { ...act.values, typed: "" }, redraw, check: act.check, send });

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
      say(done);
    } finally {
      look(values);
    }
  }

  const back = () => {
    isSure = false;
    form.set({ typed: "" });
  };
  const view = () =>
    dialog({ title: `${name}: ${of}`, close },
      form.view(
        act.danger && !isSure ? { send: "Continue", sending: "Looking" }
          : { send: name, sending: "One moment", kind: act.danger ? "danger" : "primary", why: act.danger && form.values.typed !== of ? `Type ${of} first` : undefined },
        act.fields && h("fieldset", { disabled: isSure }, act.fields(form)),
        h("div", { class: "consequences", role: "status" }, act.tells(form.values)),
        isSure && form.field({ name: "typed", label: `Type ${of} to go on`, autocomplete: "off", spellcheck: "false", made: focusWhenShown })),
      isSure && h("button", { class: "quiet", on: { click: back } }, "Back"));
  return { view, close: form.close };
}

/** The one act that is open, if one is. @param {Pick<import("../main.js").Page, "notices" | "redraw">} page */
export function createActing({ notices, redraw }) {
  /** @type {ReturnType<typeof createAct> | null} */
  let open = null;
  function close() {
    open?.close();
    open = null;
    redraw();
  }
  return {
    close,
    view: () => open?.view(),
    /** @param {string} name @param {Act} act @param {string} of @param {(values: Values) => Promise<unknown>} look */
    begin(name, act, of, look) {
      open = createAct({ name, act, of, look, redraw, close, say: notices.say });
      redraw();
    },
  };
}

/** One of a few. @param {Form} form @param {string} name @param {string} label @param {Record<string, string>} options words by value */
export function choice(form, name, label, options) {
  return h("div", { key: name, class: "field" }, h("label", { for: `act-${name}` }, label), select(`act-${name}`, form.values[name], options, (value) => form.set({ [name]: value })));
}

/** @param {string} id @param {string} chosen @param {Record<string, string>} options @param {(value: string) => void} choose @param {string} [label] where no other names it */
export const select = (id, chosen, options, choose, label) =>
  h("select", { key: id, id, "aria-label": label, on: { change: (/** @type {any} */ event) => choose(event.target.value) } },
    Object.entries(options).map(([value, text]) => h("option", { key: value, value, selected: value === chosen }, text)));

/** What a field for a moment holds, as the exchange reads it. @param {string | null} text */
export const momentOf = (text) => (text ? new Date(text).toISOString() : null);
