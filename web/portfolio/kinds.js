/** The kinds of entries of the ledger, in words, and the groups in which somebody looks for them. */
import { inWords } from "../draw/format.js";

/** @type {Record<string, string>} */
const WORDS = {
  "DEPOSIT": "Paid in",
  "WITHDRAW": "Taken out",
  "ORDER_FREEZE": "Set aside for an order",
  "ORDER_UNFREEZE": "Given back from an order",
  "MINT_COST": "Paid for shares",
  "BURN_REVENUE": "Received for shares",
  "TRANSFER_PAYMENT": "Paid for shares",
  "TRANSFER_RECEIPT": "Received for shares",
  "NETTING": "A YES and a NO made a dollar",
  "FEE": "Fee",
  "SETTLEMENT_PAYOUT": "Payout",
  "SETTLEMENT_VOID": "Payout, market void",
};

/** What only the reason for an entry tells. @type {Record<string, string>} */
const REASONS = {
  "MM_PAYMENT": "Paid to a market-making order",
  "MM_WITHDRAW": "Taken out of a market-making order",
  "MM_REFUND": "Paid back by a market-making order",
  "MM_REWARD": "Reward for making a market",
};

/** A kind that has no words yet is told by its name. @param {string} kind @param {string | null} reason */
export const kindInWords = (kind, reason) => REASONS[reason ?? ""] ?? WORDS[kind] ?? inWords(kind);

export const EVERYTHING = "Everything";
/** The kinds of each group. @type {Record<string, string>} */
export const GROUPS = {
  [EVERYTHING]: "",
  "Paid in and taken out": ["DEPOSIT", "WITHDRAW"].join(),
  "Set aside and given back": ["ORDER_FREEZE", "ORDER_UNFREEZE"].join(),
  "Bought and sold": ["MINT_COST", "BURN_REVENUE", "TRANSFER_PAYMENT", "TRANSFER_RECEIPT", "NETTING"].join(),
  "Fees": "FEE",
  "Payouts": ["SETTLEMENT_PAYOUT", "SETTLEMENT_VOID"].join(),
};
