// biome-ignore-all lint/suspicious/noShadowRestrictedNames: this file stands in for the standard library
// oxlint-disable no-shadow-restricted-names
// Everything that a detector may use of the outside world, in place of TypeScript's own library (`noLib`): arithmetic, arrays of numbers
// and errors. What is not listed here (a clock, randomness, Node, the DOM, a package) is a compile error in this folder. Consumers never see
// this file: the emitted declarations name only types that every standard library has.

interface Object {
  readonly constructor: Function;
  hasOwnProperty(key: PropertyKey): boolean;
}
interface Function {
  readonly name: string;
  readonly length: number;
}
interface CallableFunction extends Function {}
interface NewableFunction extends Function {}
interface IArguments {
  readonly length: number;
}
interface Boolean {
  valueOf(): boolean;
}
interface RegExp {
  readonly source: string;
}
interface String {
  readonly length: number;
}
interface Symbol {
  readonly description: string | undefined;
}
interface SymbolConstructor {
  readonly iterator: unique symbol;
}
declare const Symbol: SymbolConstructor;
type PropertyKey = string | number | symbol;

interface Number {
  toString(radix?: number): string;
}
interface NumberConstructor {
  isFinite(value: unknown): boolean;
  isNaN(value: unknown): boolean;
  isInteger(value: unknown): boolean;
  readonly EPSILON: number;
  readonly MAX_SAFE_INTEGER: number;
  readonly MAX_VALUE: number;
  readonly MIN_VALUE: number;
}
declare const Number: NumberConstructor;
declare const NaN: number;
declare const Infinity: number;

interface Math {
  readonly E: number;
  readonly LN2: number;
  readonly PI: number;
  readonly SQRT1_2: number;
  abs(x: number): number;
  asin(x: number): number;
  ceil(x: number): number;
  exp(x: number): number;
  expm1(x: number): number;
  floor(x: number): number;
  log(x: number): number;
  log1p(x: number): number;
  max(...values: number[]): number;
  min(...values: number[]): number;
  pow(x: number, y: number): number;
  round(x: number): number;
  sign(x: number): number;
  sqrt(x: number): number;
}
declare const Math: Math;

interface IteratorYieldResult<T> {
  done?: false;
  value: T;
}
interface IteratorReturnResult<T> {
  done: true;
  value: T;
}
type IteratorResult<T, R = unknown> = IteratorYieldResult<T> | IteratorReturnResult<R>;
interface Iterator<T, R = unknown, N = unknown> {
  next(...args: [] | [N]): IteratorResult<T, R>;
}
interface Iterable<T, R = unknown, N = unknown> {
  [Symbol.iterator](): Iterator<T, R, N>;
}
interface IterableIterator<T, R = unknown, N = unknown> extends Iterator<T, R, N> {
  [Symbol.iterator](): IterableIterator<T, R, N>;
}

interface ArrayLike<T> {
  readonly length: number;
  readonly [n: number]: T;
}
interface ReadonlyArray<T> extends Iterable<T> {
  readonly length: number;
  readonly [n: number]: T;
}
interface Array<T> extends Iterable<T> {
  length: number;
  [n: number]: T;
}
interface TemplateStringsArray extends ReadonlyArray<string> {
  readonly raw: readonly string[];
}
interface Float64Array extends Iterable<number> {
  readonly length: number;
  [n: number]: number;
  fill(value: number): this;
}
declare const Float64Array: { new (length: number): Float64Array; new (values: ArrayLike<number>): Float64Array };
interface Uint32Array extends Iterable<number> {
  readonly length: number;
  [n: number]: number;
}

interface Error {
  name: string;
  message: string;
}
interface RangeError extends Error {}
declare const RangeError: new (message?: string) => RangeError;

type Partial<T> = { [K in keyof T]?: T[K] };
type Required<T> = { [K in keyof T]-?: T[K] };
type Readonly<T> = { readonly [K in keyof T]: T[K] };
type Pick<T, K extends keyof T> = { [P in K]: T[P] };
type Record<K extends PropertyKey, V> = { [P in K]: V };
type Exclude<T, U> = T extends U ? never : T;
type Extract<T, U> = T extends U ? T : never;
type Omit<T, K extends PropertyKey> = Pick<T, Exclude<keyof T, K>>;
type NonNullable<T> = T & {};
