import { chatStory } from './story.ts';

chatStory('discord');
