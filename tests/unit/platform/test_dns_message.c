// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>

#include "platform/local/dns_message.h"

#define HEAD      "\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
#define NAME      "\2Db\4shop\3svc\7cluster\5local\0"
#define ASK_A     NAME "\0\1\0\1"
/* An OPT record that offers 4096 bytes. */
#define HEAD_EDNS "\x12\x34\x01\x00\0\1\0\0\0\0\0\1"
#define EDNS      "\0\0\x29\x10\0\0\0\0\0\0\0"

static struct dns_question asked(struct str packet)
{
    struct dns_question q;
    assert_true(dns_question_read(packet, &q));
    return q;
}

static unsigned at16(const struct buf *b, size_t at)
{
    return (unsigned)(unsigned char)b->p[at] << 8 | (unsigned char)b->p[at + 1];
}

static struct dns_name many(struct arena *a, size_t n)
{
    struct dns_name out = {0};
    for (size_t i = 0; i < n; i++) list_push(a, &out.addresses, htonl((uint32_t)(0x0af40000 + i)));
    return out;
}

static void an_answer_repeats_the_question_and_has_all_addresses(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf out SCOPED_BUF = {0};
    struct dns_question q = asked(S(HEAD ASK_A));
    struct dns_name two = many(a, 2);
    assert_string_equal(q.name, "Db.shop.svc.cluster.local");
    assert_int_equal(q.udp_bytes, 512);
    dns_answer_write(&q, DNS_OK, &two, q.udp_bytes, &out);
    assert_int_equal(at16(&out, 0), 0x1234);
    assert_int_equal(at16(&out, 2), 0x8580);
    assert_int_equal(at16(&out, 6), 2);
    size_t question = sizeof(ASK_A) - 1;
    assert_memory_equal(out.p + 12, ASK_A, question);
    assert_int_equal(out.n, 12 + question + 2 * 16);
    assert_memory_equal(out.p + out.n - 4, "\x0a\xf4\0\1", 4);
}

static void what_does_not_fit_is_marked_as_cut_and_whole_over_tcp(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf small SCOPED_BUF = {0}, edns SCOPED_BUF = {0}, whole SCOPED_BUF = {0};
    struct dns_question q = asked(S(HEAD ASK_A)), e = asked(S(HEAD_EDNS ASK_A EDNS));
    struct dns_name hundred = many(a, 100);
    dns_answer_write(&q, DNS_OK, &hundred, q.udp_bytes, &small);
    assert_true(small.n <= 512 && at16(&small, 2) & 0x0200);
    assert_int_equal(at16(&small, 6), (512 - 12 - (sizeof(ASK_A) - 1)) / 16);
    assert_int_equal(e.udp_bytes, DNS_UDP_MOST);
    dns_answer_write(&e, DNS_OK, &hundred, e.udp_bytes, &edns);
    assert_true(edns.n > 512 && edns.n <= DNS_UDP_MOST);
    assert_int_equal(at16(&edns, 10), 1);
    dns_answer_write(&q, DNS_OK, &hundred, DNS_TCP_BYTES, &whole);
    assert_int_equal(at16(&whole, 6), 100);
    assert_false(at16(&whole, 2) & 0x0200);
}

static void an_alias_goes_before_its_addresses_which_are_its_own(void **state)
{
    (void)state;
    struct arena *a SCOPED_ARENA = arena_new();
    struct buf out SCOPED_BUF = {0};
    struct dns_question q = asked(S(HEAD ASK_A));
    struct dns_name one = many(a, 1);
    one.alias = S("a.b");
    dns_answer_write(&q, DNS_OK, &one, q.udp_bytes, &out);
    static const char records[] = "\xc0\x0c\0\5\0\1\0\0\0\5\0\5\1a\1b\0"
                                  "\1a\1b\0\0\1\0\1\0\0\0\5\0\4\x0a\xf4\0\0";
    assert_int_equal(at16(&out, 6), 2);
    assert_memory_equal(out.p + 12 + sizeof(ASK_A) - 1, records, sizeof records - 1);
}

static void what_is_no_question_has_its_code_or_no_answer(void **state)
{
    (void)state;
    static const struct {
        struct str packet;
        unsigned code;
    } cases[] = {
        {S_INIT("\x12\x34\x01\x00\0\2\0\0\0\0\0\0" ASK_A ASK_A), DNS_NOT_DONE}, /* two questions */
        {S_INIT("\x12\x34\x28\x00\0\1\0\0\0\0\0\0" ASK_A), DNS_NOT_DONE},       /* an update */
        {S_INIT(HEAD NAME "\0\1\0\3"), DNS_NOT_DONE},                           /* CHAOS */
        {S_INIT(HEAD NAME "\0\1"), DNS_MALFORMED},
        {S_INIT(HEAD "\2Db"), DNS_MALFORMED},
        {S_INIT(HEAD "\xc0\x0c\0\1\0\1"), DNS_MALFORMED},
    };
    struct dns_question q;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out SCOPED_BUF = {0};
        q = asked(cases[i].packet);
        assert_int_equal(q.problem, cases[i].code);
        dns_answer_write(&q, DNS_OK, NULL, q.udp_bytes, &out);
        assert_int_equal(at16(&out, 2) & 15, cases[i].code);
    }
    assert_false(dns_question_read(S("\x12\x34\x01"), &q));
    assert_false(dns_question_read(S("\x12\x34\x81\x00\0\1\0\0\0\0\0\0" ASK_A), &q));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_repeats_the_question_and_has_all_addresses),
        cmocka_unit_test(what_does_not_fit_is_marked_as_cut_and_whole_over_tcp),
        cmocka_unit_test(an_alias_goes_before_its_addresses_which_are_its_own),
        cmocka_unit_test(what_is_no_question_has_its_code_or_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
