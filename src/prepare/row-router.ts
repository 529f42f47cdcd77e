import type { RowBuffer } from '../addon/criteo-types.ts';
import type { RowSpool } from './row-spool.ts';
import type { ShardWriter } from './shard-writer.ts';
import type { RowsSeen, SplitRule } from './split-rule.ts';

/** Sends rows, in order, to the writer of their split; those whose split isn't certain yet wait in the spool. */
export class RowRouter {
  readonly #rule: SplitRule;
  readonly #writers: readonly ShardWriter[];
  readonly #spool: RowSpool;
  #sent: number;

  /**
   * @param writers one for each of the rule's splits
   * @param sent rows that the writers have had already
   */
  constructor(rule: SplitRule, writers: readonly ShardWriter[], spool: RowSpool, sent: number) {
    this.#rule = rule;
    this.#writers = writers;
    this.#spool = spool;
    this.#sent = sent;
  }

  /** Rows sent, which is the number of the next one. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * Adds the rows of one batch, which may be changed once the promise has settled.
   * @param seen counts these rows too
   */
  async add(rows: RowBuffer, seen: RowsSeen): Promise<void> {
    const count = rows.label.length;
    let sent = 0;
    if (this.#spool.frontRows === 0) {
      const destinations = new Uint8Array(count);
      sent = this.#rule.assign(destinations, this.#sent, seen);
      await this.#send(rows, destinations.subarray(0, sent));
    }
    if (sent < count) await this.#spool.push(rows, sent, count);
    await this.#sendWaiting(seen);
  }

  /** Sends everything that still waits. */
  async finish(seen: RowsSeen): Promise<void> {
    await this.#sendWaiting({ ...seen, ended: true });
  }

  async #sendWaiting(seen: RowsSeen): Promise<void> {
    while (this.#spool.frontRows > 0) {
      const destinations = new Uint8Array(this.#spool.frontRows);
      if (this.#rule.assign(destinations, this.#sent, seen) < destinations.length) return;
      const rows = await this.#spool.shift();
      if (rows) await this.#send(rows, destinations);
    }
  }

  async #send(rows: RowBuffer, destinations: Uint8Array): Promise<void> {
    for (let from = 0, to = 0; from < destinations.length; from = to) {
      const destination = destinations[from] as number;
      while (destinations[to] === destination) to++;
      const busy = this.#writers[destination]?.append(rows, from, to);
      // Awaiting nothing would cost more than a short run of rows.
      if (busy) await busy;
    }
    this.#sent += destinations.length;
  }
}
