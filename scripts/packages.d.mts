export function outdatedPackages(root: string): string[];
