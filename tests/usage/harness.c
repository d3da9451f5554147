/*
 * Reads answers with nixos-module/nginx-usage/usage.c, as the nginx module does.
 *
 * Its input is, for each answer: a byte (1 for events), the number of pieces, and for each its
 * length and its bytes; numbers are of 4 bytes, as this machine has them. For each answer it prints
 * a line: the counts, and the model between bars.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "usage.h"

static int take(void *to, size_t size)
{
    return fread(to, 1, size, stdin) == size;
}

int main(void)
{
    unsigned char is_events;

    while (take(&is_events, 1)) {
        struct forage_usage usage;
        uint32_t pieces;

        forage_usage_begin(&usage, is_events == 1);
        if (!take(&pieces, sizeof pieces)) {
            return 1;
        }
        for (; pieces > 0; pieces--) {
            uint32_t size;
            if (!take(&size, sizeof size)) {
                return 1;
            }
            /* Memory of its own, so that a byte too many is found. */
            unsigned char *piece = malloc(size);
            if (piece == NULL || !take(piece, size)) {
                return 1;
            }
            forage_usage_read(&usage, piece, size);
            free(piece);
        }
        for (int count = FORAGE_USAGE_INPUT; count <= FORAGE_USAGE_CACHE_WRITE; count++) {
            printf("%" PRId64 " ", usage.counts[count]);
        }
        printf("|%.*s|\n", (int) usage.model_length, usage.model);
        fflush(stdout);
    }
    return 0;
}
