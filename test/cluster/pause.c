/* Process 1 of every pod sandbox and of every machine of the cluster: keeps the namespaces open, buries orphans. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) { _exit(128 + number); }
static void bury(int number) { (void)number; while (waitpid(-1, 0, WNOHANG) > 0) {} }

int main(void) {
  struct sigaction on_end = { .sa_handler = end };
  struct sigaction on_child = { .sa_handler = bury, .sa_flags = SA_NOCLDSTOP | SA_RESTART };
  sigaction(SIGINT, &on_end, 0);
  sigaction(SIGTERM, &on_end, 0);
  sigaction(SIGCHLD, &on_child, 0);
  bury(SIGCHLD);
  for (;;) pause();
}
