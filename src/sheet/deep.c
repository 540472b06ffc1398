#include <pthread.h>
#include <string.h>

#include "sheet/internal.h"

/* Computing is recursive, through functions that are not ours. A thread that nobody runs beside is the portable
 * way to a second stack that debuggers and sanitizers understand; it is needed once in hundreds of levels. */
enum { STACK_BYTES = 16 << 20 };

struct job {
    void (*fn)(void *);
    void *arg;
};

static void *run(void *arg)
{
    struct job *j = arg;
    j->fn(j->arg);
    return NULL;
}

void deep_call(void (*fn)(void *), void *arg)
{
    struct job j = {fn, arg};
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int failed = pthread_create(&t, &attr, run, &j);
    pthread_attr_destroy(&attr);
    if (failed)
        fn(arg); /* no thread to be had: this stack may still suffice */
    else
        pthread_join(t, NULL);
}
