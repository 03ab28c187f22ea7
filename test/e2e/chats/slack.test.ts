import { chatStory } from './story.ts';

chatStory('slack');
