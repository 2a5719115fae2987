/** Users: finding them, letting them in or keeping them out, and who is an administrator. */
import { h } from "../draw/dom.js";
import { inWords, when } from "../draw/format.js";
import { seldom } from "../feeds/seldom.js";
import { table } from "../parts/table.js";
import { select } from "../parts/select.js";
import { createStore } from "../store/store.js";
import { openAct } from "./act.js";
import { createReading, forAdministrators, frame } from "./frame.js";

const REST_MS = 500;
/** @type {import("../parts/table.js").Columns} */
const COLUMNS = { User: "title", "E-mail": "", Role: "", Since: "", Acts: "last" };
const PAGE = 50;

export const open = forAdministrators((page) => {
  const { api, session } = page;
  const asked = createStore({ query: "", account_type: "", is_active: "", limit: PAGE });
  const users = createReading(async (signal) => {
    const { limit, ...filter } = asked.state;
    const items = [];
    let cursor = null;
    do {
      const part = await api("GET /admin/users", { ...filter, limit: PAGE, cursor }, signal);
      items.push(...part.items);
      cursor = part.next_cursor;
    } while (cursor !== null && items.length < limit);
    return { items, more: cursor !== null };
  });
  const reading = seldom(async () => void (await users.again()), REST_MS);
  asked.read(reading.ask);

  /** @param {any} user */
  function actsFor({ user_id, username, account_type, is_active }) {
    // The exchange's own programs are stopped otherwise, and nobody shuts himself out.
    if (!["USER", "ADMIN"].includes(account_type) || user_id === session.store.state.user?.user_id) return null;
    const isAdmin = account_type === "ADMIN";
    /** @param {string} name @param {string} tells @param {() => Promise<any>} ask */
    const button = (name, tells, ask) => {
      const act = { danger: true, tells: () => tells, send: () => ask().then(() => `${name}: ${username}. Done.`) };
      return h("button.quiet", { key: name, "aria-label": `${name} ${username}`, on: { click: () => openAct(page, name, act, username, users.again) } }, name);
    };
    return [
      is_active
        ? button("Disable", "Whatever this user has open ends within a second: requests, streams, feeds, API keys. Orders stay in the books, and others may meet them.",
            () => api("POST /admin/users/{user_id}/active", { user_id, is_active: false }))
        : button("Let in", "This user can sign in again, and API keys that have not expired work again.",
            () => api("POST /admin/users/{user_id}/active", { user_id, is_active: true })),
      isAdmin
        ? button("Make user", "Nothing of administration is left to this user. What is open of it ends now; API keys stay.",
            () => api("POST /admin/users/{user_id}/role", { user_id, account_type: "USER" }))
        : button("Make administrator", "This user can then end markets, pay them out, and make administrators. What is open of it ends now; API keys stay.",
            () => api("POST /admin/users/{user_id}/role", { user_id, account_type: "ADMIN" })),
    ];
  }

  /** @param {{items: any[], more: boolean}} found */
  const drawn = ({ items, more }) => items.length === 0
    ? h("p.empty", "Nobody is called that. A name or an address is found by how it begins.")
    : [
        h("div.card", table("Users", COLUMNS, items.map((user) => [
          user.user_id, [user.username, " ", !user.is_active && h("span.badge.warn", "Kept out")],
          user.email, inWords(user.account_type), when(user.created_at, "day"), actsFor(user),
        ]))),
        more && h("button", { on: { click: () => asked.set({ limit: asked.state.limit + PAGE }) } }, "Show more"),
      ];

  return {
    title: () => "Users",
    close() {
      reading.stop();
      users.close();
    },
    view: () => [
      frame("/admin/users", "Users",
        h("div.tools",
          h("input", { id: "search", type: "search", "aria-label": "Find a user", placeholder: "Name or e-mail begins with", value: asked.state.query,
            on: { input: (/** @type {any} */ event) => asked.set({ query: event.target.value, limit: PAGE }) } }),
          select({ id: "role", "aria-label": "Role" }, { "": "All roles", "USER": "Users", "ADMIN": "Administrators" }, asked.state.account_type, (account_type) => asked.set({ account_type })),
          select({ id: "state", "aria-label": "State" }, { "": "In or out", true: "Let in", false: "Kept out" }, asked.state.is_active, (is_active) => asked.set({ is_active }))),
        users.view(drawn)),
    ],
  };
});
