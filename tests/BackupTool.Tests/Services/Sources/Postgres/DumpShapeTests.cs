using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class DumpShapeTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [Fact]
    public async Task A_whole_dump_of_the_real_program_is_whole_in_whatever_pieces_it_comes()
    {
        byte[] dump = await DumpOfManyKindsAsync();
        foreach (int piece in (int[])[1, 2, 7, 4096, dump.Length]) FindProblem(dump, piece).Should().BeNull("in pieces of {0}", piece);
    }

    [Fact]
    public async Task A_dump_that_is_cut_off_anywhere_is_none()
    {
        byte[] dump = await DumpOfManyKindsAsync();
        // Before its eleventh byte nobody can tell what it is.
        foreach (int length in Enumerable.Range(11, 3000).Concat(Enumerable.Range(0, 3000).Select(i => 11 + (int)((long)i * (dump.Length - 12) / 3000))).Append(dump.Length - 1))
            if (length < dump.Length) FindProblem(dump[..length], 4096).Should().NotBeNull("cut after {0} of {1} bytes", length, dump.Length);
    }

    [Fact]
    public async Task A_dump_that_lacks_the_rows_of_its_last_table_says_so()
    {
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(server.NewDatabase(1000)));
        int rows = dump.AsSpan().LastIndexOf("1\t"u8);
        rows.Should().BePositive();
        // The block of rows begins with its kind, the number of the table, and the length of the first piece.
        FindProblem(dump[..LastBlock(dump)], 4096).Should().Be("it holds the rows of 0 of its 1 tables");
    }

    [Fact]
    public void Of_what_is_no_dump_it_has_no_opinion() => FindProblem("-- SQL, as a text"u8.ToArray(), 3).Should().BeNull();

    private static int LastBlock(byte[] dump)
    {
        for (int at = dump.Length - 1; at > 0; at--)
            if (FindProblem(dump[..at], dump.Length)?.StartsWith("it holds", StringComparison.Ordinal) == true) return at;
        throw new InvalidOperationException("no block begins anywhere");
    }

    private async Task<byte[]> DumpOfManyKindsAsync()
    {
        string database = server.NewDatabase(500);
        server.Real.Sql(database, """
            CREATE TABLE empty(n int); CREATE SCHEMA other; CREATE TABLE other.wide(a text, b bytea); INSERT INTO other.wide SELECT repeat('x', n), decode(repeat('00ff', n), 'hex') FROM generate_series(1, 200) n;
            CREATE TABLE parts(n int) PARTITION BY RANGE (n); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); INSERT INTO parts VALUES (1);
            CREATE MATERIALIZED VIEW seen AS SELECT * FROM events; CREATE SEQUENCE counting; CREATE UNLOGGED TABLE quick AS SELECT 1 AS n;
            CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE INDEX ON other.wide(a); COMMENT ON TABLE empty IS 'nothing';
            SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')), lo_from_bytea(0, ''), lo_from_bytea(0, 'one');
            """);
        return await PostgresServer.DumpAsync(server.Peer(database));
    }

    private static string? FindProblem(byte[] dump, int piece)
    {
        var shape = new DumpShape();
        for (int at = 0; at < dump.Length; at += piece) shape.Feed(dump.AsSpan(at, Math.Min(piece, dump.Length - at)));
        return shape.FindProblem();
    }
}
