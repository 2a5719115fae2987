/** Every screen: the address that opens it, whom it is for, and the module that makes it, loaded when it is opened. */

/** @type {{path: string, signedIn: boolean, load: () => Promise<{open: (page: import("./main.js").Page) => import("./main.js").Screen}>}[]} */
export const SCREENS = [
  { path: "/", signedIn: false, load: () => import("./markets/markets.js") },
  { path: "/markets/{id}", signedIn: false, load: () => import("./market/market.js") },
  { path: "/portfolio", signedIn: true, load: () => import("./portfolio/portfolio.js") },
  { path: "/account", signedIn: true, load: () => import("./account/account.js") },
  { path: "/making", signedIn: true, load: () => import("./making/making.js") },
  { path: "/making/new", signedIn: true, load: () => import("./making/create.js") },
  { path: "/making/campaigns", signedIn: true, load: () => import("./making/campaigns.js") },
  { path: "/making/{id}", signedIn: true, load: () => import("./making/order.js") },
  { path: "/login", signedIn: false, load: () => import("./signin/login.js") },
  { path: "/register", signedIn: false, load: () => import("./signin/register.js") },
  { path: "/admin", signedIn: true, load: () => import("./admin/markets.js") },
  { path: "/admin/new", signedIn: true, load: () => import("./admin/create.js") },
  { path: "/admin/markets/{id}", signedIn: true, load: () => import("./admin/market.js") },
  { path: "/admin/users", signedIn: true, load: () => import("./admin/users.js") },
  { path: "/admin/health", signedIn: true, load: () => import("./admin/health.js") },
];
