import { describe, expect, it } from 'vitest';
import { formView, readFormPlace } from '../../../src/chat/slack/form.ts';

const form = { id: 'px1:confirm:r-41:p-7f3c2a', title: '', text: [], fields: [], submit: '', danger: true } as const;

describe('the place that a form of Slack remembers', () => {
  it.each(['1795341360.000100', undefined])('is read back, with the message %s', (ts) => {
    const { private_metadata: metadata = '' } = formView(form, 'C0DEPLOY01', ts);
    expect(readFormPlace(metadata)).toEqual({ formId: form.id, channel: 'C0DEPLOY01', ts });
  });

  it.each([
    '',
    'px1:confirm:r-41:p-7f3c2a C0DEPLOY01',
    'px2:confirm:r-41:p-7f3c2a C0DEPLOY01 ',
    'px1:confirm:r-41:p-7f3c2a #deploy ',
    'px1:confirm:r-41:p-7f3c2a C0DEPLOY01 now',
    'px1:confirm:r-41:p-7f3c2a C0DEPLOY01 1.1 C0OTHER001',
  ])('is none in %j', (metadata) => {
    expect(readFormPlace(metadata)).toBeUndefined();
  });
});
