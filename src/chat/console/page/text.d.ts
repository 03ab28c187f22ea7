import type { TreeNode } from './card-view.js';

export function literal(text: string): TreeNode[];
