/** Which markets are shown, in which order, and how an address says so. Plain values in and out. */

/**
 * @typedef {{search: string, category: string, status: string, sort: string}} Filters
 * @typedef {import("./catalogue.js").Market} Market
 * @typedef {import("../feeds/tickers.js").Ticker} Ticker
 */

/** The statuses of what may still move. */
export const LIVING = ["ACTIVE", "SUSPENDED", "HALTED"];
const OVER = ["RESOLVED", "SETTLED", "VOIDED"];

/** Without a choice it is the first. */
export const STATUSES = [
  { name: "open", label: "Not decided yet", statuses: LIVING },
  { name: "trading", label: "Trading now", statuses: ["ACTIVE"] },
  { name: "paused", label: "Paused", statuses: ["SUSPENDED", "HALTED"] },
  { name: "ended", label: "Ended", statuses: OVER },
  { name: "all", label: "All", statuses: [...LIVING, ...OVER] },
];

/** Without a choice it is the first; what ranks least comes first. */
export const SORTS = [
  {
    name: "volume", label: "Volume",
    rank: (/** @type {Market} */ market, /** @type {Ticker | undefined} */ ticker) => -(ticker ?? market).volume_24h,
  },
  {
    name: "closing", label: "Closing soon",
    rank: (/** @type {Market} */ market) => (endOf(market) > Date.now() ? endOf(market) : Infinity),
  },
  { name: "newest", label: "Newest", rank: () => 0 },
  {
    name: "move", label: "Biggest move",
    rank: (/** @type {Market} */ _, /** @type {Ticker | undefined} */ ticker) => -Math.abs(moveOf(ticker) ?? -0.5),
  },
];

/** @template {{name: string}} One @param {One[]} all @param {string | null} wanted */
const chosen = (all, wanted) => all.find(({ name }) => name === wanted) ?? all[0];

/** @param {URLSearchParams} query @returns {Filters} */
export const filtersOf = (query) => ({
  search: query.get("q") ?? "",
  category: query.get("category") ?? "",
  status: chosen(STATUSES, query.get("status")).name,
  sort: chosen(SORTS, query.get("sort")).name,
});

/** Only what differs from the plain list stands in it. @param {Filters} filters */
export function addressOf({ search, category, status, sort }) {
  const chosen = { q: search, category, status: status === STATUSES[0].name ? "" : status, sort: sort === SORTS[0].name ? "" : sort };
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  return query.size ? `/?${query}` : "/";
}

/** Letters without case and accents: who looks for `munchen` means `München`. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();

/** Whether a market has all the words, wherever they begin and in any order. @param {string} search */
export function finder(search) {
  if (!search.trim()) return () => true;
  const words = plain(search).split(/\s+/);
  return (/** @type {Market} */ { title, id, category }) => {
    const text = plain(`${title} ${id} ${category ?? ""}`);
    return words.every((word) => text.includes(word));
  };
}

/**
 * The markets that match all of it, in the chosen order. Where two are equal the newer one is ahead.
 * @param {Market[]} items newest first @param {Map<string, Ticker>} tickers @param {Filters} filters
 */
export function select(items, tickers, { search, category, status, sort }) {
  const isFound = finder(search);
  const { statuses } = chosen(STATUSES, status);
  const { rank } = chosen(SORTS, sort);
  return items
    .filter((market) => statuses.includes((tickers.get(market.id) ?? market).status) && (!category || market.category === category) && isFound(market))
    .map((market) => ({ market, rank: rank(market, tickers.get(market.id)) }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ market }) => market);
}

/** When trading ends; without such a moment, when the answer is due; else never. @param {Market} market */
export const endOf = ({ trading_end_at: ends, resolution_date: due }) => Date.parse(ends ?? due ?? "") || Infinity;

/** How far YES has moved in 24 hours, in cents; null where nothing says. @param {Ticker | undefined} ticker */
export function moveOf(ticker) {
  const { spot_half_cents: spot = null, open_24h_cents: before = null } = ticker ?? {};
  return spot === null || before === null ? null : Math.round(spot / 2 - before);
}

/** Those there are, by how many markets they have. @param {Market[]} items */
export function categoriesOf(items) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { category } of items) if (category) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts].sort(([one, some], [other, others]) => others - some || one.localeCompare(other)).map(([name]) => name);
}
