import { z } from 'zod';

/**
 * Compiles only where a schema reads exactly what the type of the core says: no field more, none less, none of another type.
 * So a field that a type gains is a field that the store reads, or the compiler names the schema.
 */
export function reads<Core>() {
  return <Schema extends z.ZodType>(schema: Schema & Same<Core, z.output<Schema>>): Schema => schema;
}

type Same<A, B> =
  Identical<Plain<A>, Plain<B>> extends true ? unknown : { readonly 'differs from the type of the core': [A, B] };
type Identical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Without intersections, and read-only everywhere. */
type Plain<T> = T extends readonly (infer Item)[]
  ? readonly Plain<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Plain<T[Key]> }
    : T;

/**
 * The shape of facts that an apply acts on: a goal, a change, a step, a lock. An unknown field may mean that something
 * else is wanted, so the whole object is refused.
 */
export const strict = z.strictObject;

/**
 * The shape of facts that are only shown: who, when, how far. Unknown fields are kept and written back, so that an
 * older proxnix loses nothing of a newer one.
 */
export function lenient<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strip> {
  // The type leaves out the unknown fields, which no code reads.
  return z.looseObject(shape) as unknown as z.ZodObject<Shape, z.core.$strip>;
}

/** A field that may be absent, and is never `undefined`. */
export const optional = z.exactOptional;

/** An id, a name, a path. */
export const name = z.string().max(1024);
/** A message, a line of output, a description. */
export const text = z.string().max(65_536);
/** Milliseconds since the epoch, as far as a date reaches. */
export const time = z.number().min(0).max(8.64e15);
/** A VMID. */
export const vmid = z.int().min(1).max(999_999_999);
/** A size or a count. */
export const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** A list with a limit: a longer one than any cluster needs was not written by proxnix. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.array(item).max(10_000);
}

/** An object with any names and values of one shape. */
export function table<Value extends z.ZodType>(value: Value) {
  return z.record(name, value);
}
