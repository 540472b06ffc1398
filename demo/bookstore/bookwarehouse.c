/* bookwarehouse.c - writes one row into MariaDB for every book that a store wants restocked. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum { RESTOCKED, FAILED };
static struct counter counters[] = {{"restocked", 0}, {"failed", 0}, {NULL, 0}};
static struct app app = {.name = "bookwarehouse", .counters = counters};
static MYSQL *db; /* NULL: not connected */

static void disconnect(void)
{
    if (db) mysql_close(db);
    db = NULL;
}

static bool connect_db(void)
{
    if (db) return true;
    unsigned seconds = 2;
    db = mysql_init(NULL);
    mysql_options(db, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(db, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_options(db, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    if (mysql_real_connect(db, env_text("DB_HOST", "mysql.bookwarehouse"), env_text("DB_USER", "books"),
                           env_text("DB_PASSWORD", ""), env_text("DB_NAME", "booksdemo"),
                           (unsigned)env_number("DB_PORT", 3306), NULL, 0)) {
        say(&app, "connected to the database, server version %s", mysql_get_server_info(db));
        return true;
    }
    say(&app, "no database: %s", mysql_error(db));
    disconnect();
    return false;
}

/* One statement, on a new connection if the old one turns out to be dead. */
static bool run(const char *statement)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!connect_db()) return false;
        if (mysql_query(db, statement) == 0) return true;
        say(&app, "database: %s", mysql_error(db));
        disconnect();
    }
    return false;
}

static bool insert_row(const char *store)
{
    char name[64 * 2 + 1], statement[256];
    size_t n = strnlen(store, 64);
    if (!connect_db()) return false;
    mysql_real_escape_string(db, name, store, n);
    snprintf(statement, sizeof statement, "INSERT INTO books (store) VALUES ('%s')", name);
    return run(statement);
}

static long count_rows(void)
{
    if (!run("SELECT COUNT(*) FROM books")) return -1;
    MYSQL_RES *result = mysql_store_result(db);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    long n = row && row[0] ? atol(row[0]) : -1;
    if (result) mysql_free_result(result);
    return n;
}

static void restock(struct evhttp_request *req, void *arg)
{
    (void)arg;
    if (evhttp_request_get_command(req) != EVHTTP_REQ_POST) {
        reply(req, HTTP_BADMETHOD, "POST only\n");
        return;
    }
    const char *store = evhttp_find_header(evhttp_request_get_input_headers(req), "Identity");
    bool done = insert_row(store ? store : "unknown");
    counters[done ? RESTOCKED : FAILED].value++;
    evhttp_add_header(evhttp_request_get_output_headers(req), "Identity", app.name);
    reply(req, done ? HTTP_OK : HTTP_SERVUNAVAIL, done ? "restocked\n" : "no database\n");
}

/* The database's own answer, not a count of ours; -1 when it cannot be reached. */
static void rows(struct evhttp_request *req, void *arg)
{
    (void)arg;
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    reply(req, HTTP_OK, "{\"rows\":%ld}\n", count_rows());
}

int main(int argc, char **argv)
{
    app_init(&app, argc, argv);
    app_route(&app, "/restock-books", restock);
    app_route(&app, "/rows", rows);
    int status = app_run(&app);
    disconnect();
    return status;
}
