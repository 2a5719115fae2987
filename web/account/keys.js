/** API keys: what they open, until when, and the one moment in which a new one is shown. */
import { h } from "../draw/dom.js";
import { when } from "../draw/format.js";
import { openDialog } from "../parts/dialog.js";
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
const LIVES = { "30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked" };
const NAME_USED = 1011;
const NAME_MAX = 64;

/** @type {import("../parts/table.js").Columns} */
const COLUMNS = {
  Name: "title", "Begins with": "", Opens: "", Made: "moment", "Last used": "moment", Ends: "moment",
  Change: "last",
};

/** @param {{keys: any[], now: number, revoke: (key: any) => void}} what */
export function keyTable({ keys, now, revoke }) {
  return table("API keys", COLUMNS, keys.map((key) => {
    const { id, name, prefix, scopes, created_at: made, last_used_at: used, expires_at: ends, revoked_at: revoked } = key;
    const isOver = revoked !== null || (ends !== null && Date.parse(ends) <= now);
    return [
      id,
      [name, isOver && [" ", h("span.badge", revoked !== null ? "revoked" : "ended")]],
      h("code", `vk_${prefix}…`),
      SCOPES.filter((scope) => scopes.includes(scope.name)).map(({ label }) => label).join(", "),
      when(made, "day"),
      used === null ? "never" : when(used),
      revoked !== null ? when(revoked) : ends === null ? "never" : when(ends, "day"),
      !isOver && h("button.quiet", { "aria-label": `Revoke ${name}`, on: { click: () => revoke(key) } }, "Revoke"),
    ];
  }));
}

/** @param {{api: import("../api/api.js").Api, made: () => void}} what */
export function openNewKey({ api, made }) {
  const store = createStore({ secret: "", isCopied: false });
  const form = createForm({
    id: "key",
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

  const shown = () => [
    h("p", { role: "status" }, "This is the key. It is shown this once: the exchange keeps no copy of it."),
    h("div.field", { key: "secret" },
      h("label", { for: "key-secret" }, "API key"),
      h("input", { id: "key-secret", readonly: true, value: store.state.secret, on: { focus: (/** @type {any} */ event) => event.target.select() }, made: focusWhenShown })),
    h("div.acts", { key: "acts" },
      // Only a secure connection gives a page the clipboard.
      navigator.clipboard && h("button", { on: { click: copy } }, store.state.isCopied ? "Copied" : "Copy"),
      h("button.primary", { key: "done", on: { click: close } }, "I have it")),
  ];

  const close = openDialog("New API key", () =>
    store.state.secret !== "" ? shown()
      : form.view({ send: "Make the key", sending: "Making it" },
        form.field({ name: "name", label: "Name", hint: "Such as the program that will use it.", autocomplete: "off" }),
        h("fieldset", h("legend", "What it opens"), SCOPES.map((scope) => form.tick(scope))),
        form.field({ name: "days", label: "For how long", options: LIVES })));
}
