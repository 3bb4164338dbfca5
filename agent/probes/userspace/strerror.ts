// raw-socket tells a failed system call by strerror(3) text alone: back to the errno it stands for.

const TEXTS: Readonly<Record<string, string>> = {
  "Operation not permitted": "EPERM",
  "Permission denied": "EACCES",
  "Network is unreachable": "ENETUNREACH",
  "No route to host": "EHOSTUNREACH",
  "Network is down": "ENETDOWN",
  "Host is down": "EHOSTDOWN",
  "Connection refused": "ECONNREFUSED",
  "No buffer space available": "ENOBUFS",
  "Cannot allocate memory": "ENOMEM",
  "Resource temporarily unavailable": "EAGAIN",
  "Invalid argument": "EINVAL",
  "Message too long": "EMSGSIZE",
  "Cannot assign requested address": "EADDRNOTAVAIL",
  "Too many open files": "EMFILE",
};

/** "UNKNOWN" for any other text: our own machine's fault, since no path says such things. */
export function errnoOfText(text: string): string {
  return TEXTS[text] ?? "UNKNOWN";
}
