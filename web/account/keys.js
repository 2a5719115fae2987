/** API keys: what they open, until when, and the one moment in which a new one is shown. */
import { h } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { dialog } from "../parts/dialog.js";
import { focusWhenShown } from "../parts/field.js";
import { createForm } from "../parts/form.js";
import { table } from "../parts/table.js";
import { createStore } from "../store/store.js";

const SCOPES = [
  { name: "read", label: "Look", hint: "At everything that you see here." },
  { name: "trade", label: "Trade", hint: "Place, change and cancel orders." },
  { name: "withdraw", label: "Move money", hint: "Deposit and withdraw." },
];
const DAY_MS = 86_400_000;
const LIVES = [["30", "30 days"], ["90", "90 days"], ["365", "a year"], ["", "until it is revoked"]];
const NAME_USED = 1011;
const NAME_MAX = 64;

/** @type {import("../parts/table.js").Column[]} */
const COLUMNS = [
  { name: "Name", looks: "title" }, { name: "Begins with" }, { name: "Opens" }, { name: "Made", looks: "moment" },
  { name: "Last used", looks: "moment" }, { name: "Ends", looks: "moment" }, { name: "Change", looks: "last" },
];

/** @param {{keys: any[], now: number, revoke: (key: any) => void}} what */
export function keyTable({ keys, now, revoke }) {
  return table({ label: "API keys", columns: COLUMNS, rows: keys.map((key) => {
    const { id, name, prefix, scopes, created_at: made, last_used_at: used, expires_at: ends, revoked_at: revoked } = key;
    const isOver = revoked !== null || (ends !== null && Date.parse(ends) <= now);
    return { key: id, cells: [
      [name, isOver && [" ", h("span", { class: "badge" }, revoked !== null ? "revoked" : "ended")]],
      h("code", null, `vk_${prefix}…`),
      SCOPES.filter((scope) => scopes.includes(scope.name)).map(({ label }) => label).join(", "),
      when(made, "day"),
      used === null ? "never" : when(used),
      revoked !== null ? when(revoked) : ends === null ? "never" : when(ends, "day"),
      !isOver && h("button", { class: "quiet", "aria-label": `Revoke ${name}`, on: { click: () => revoke(key) } }, "Revoke"),
    ] };
  }) });
}

/** @param {{api: import("../api/api.js").Api, redraw: () => void, close: () => void, made: () => void}} what */
export function createNewKey({ api, redraw, close, made }) {
  const store = createStore({ secret: "", isCopied: false });
  const stop = store.read(redraw);
  const form = createForm({
    id: "key", redraw,
    values: { name: "", read: true, trade: false, withdraw: false, days: "90" },
    check: ({ name, ...values }) => ({
      name: name.length === 0 || name.length > NAME_MAX ? "A name by which you know it again." : undefined,
      "": scopesIn(values).length === 0 ? "It has to open something." : undefined,
    }),
    send: async ({ name, days, ...values }) => {
      const ends = days === "" ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString();
      const { secret } = await api("POST /account/api-keys", { name, scopes: scopesIn(values), expires_at: ends });
      store.set({ secret });
      made();
    },
    fieldOf: { [NAME_USED]: "name" },
  });

  /** @param {any} values */
  const scopesIn = (values) => SCOPES.map(({ name }) => name).filter((name) => values[name]);

  async function copy() {
    await navigator.clipboard.writeText(store.state.secret);
    store.set({ isCopied: true });
  }

  const life = () =>
    h("div", { key: "days", class: "field" },
      h("label", { for: "key-days" }, "For how long"),
      h("select", { id: "key-days", on: { change: (/** @type {any} */ event) => form.set({ days: event.target.value }) } },
        LIVES.map(([days, name]) => h("option", { key: days, value: days, selected: days === form.values.days }, name))));

  const shown = () => [
    h("p", { role: "status" }, "This is the key. It is shown this once: the exchange keeps no copy of it."),
    h("div", { key: "secret", class: "field" },
      h("label", { for: "key-secret" }, "API key"),
      h("input", { id: "key-secret", readonly: true, value: store.state.secret, on: { focus: (/** @type {any} */ event) => event.target.select() }, made: focusWhenShown })),
    h("div", { key: "acts", class: "acts" },
      // Only a secure connection gives a page the clipboard.
      navigator.clipboard && h("button", { on: { click: copy } }, store.state.isCopied ? "Copied" : "Copy"),
      h("button", { key: "done", class: "primary", on: { click: close } }, "I have it")),
  ];

  return {
    view: () =>
      dialog({ title: "New API key", close },
        store.state.secret !== "" ? shown()
          : form.view({ send: "Make the key", sending: "Making it" },
            form.field({ name: "name", label: "Name", hint: "Such as the program that will use it.", autocomplete: "off", made: focusWhenShown }),
            h("fieldset", null, h("legend", null, "What it opens"), SCOPES.map((scope) => form.tick(scope))),
            life())),
    close() {
      stop();
      form.close();
    },
  };
}
