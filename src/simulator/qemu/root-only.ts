import { type ApiError, parameterError } from '../errors.ts';

/** 400 of an option that only root@pam itself may use, and no token of it. */
export function rootOnlyError(name: string): ApiError {
  return parameterError({ [name]: 'Only root may use this option.' });
}
