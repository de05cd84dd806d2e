using System.Text;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Sources.Postgres;

public sealed class DumpDefinitionTests
{
    [Fact]
    public void A_database_is_described_by_its_own_statements_and_by_nothing_inside_of_it()
    {
        DumpDefinition definition = Read("""
            \restrict abc
            -- Name: x; CREATE DATABASE fake WITH ENCODING = 'LATIN1';
            CREATE DATABASE "we""ird; DATABASE" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LC_COLLATE = 'C' LC_CTYPE = 'it''s' TABLESPACE = far;
            ALTER DATABASE "we""ird; DATABASE" OWNER TO "Odd; owner";
            \connect -reuse-previous=on "dbname='we""ird; DATABASE'"
            COMMENT ON DATABASE "we""ird; DATABASE" IS 'it''s; mine';
            ALTER DATABASE "we""ird; DATABASE" SET search_path TO 'a', E'b\'; DROP';
            ALTER ROLE "svc" IN DATABASE "we""ird; DATABASE" SET work_mem TO '1MB';
            CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $_$ BEGIN; ALTER TABLE t OWNER TO evil; EXECUTE $$ GRANT ALL ON DATABASE x TO evil; $$; END $_$;
            /* ALTER TABLE t OWNER TO evil; */ ALTER FUNCTION f() OWNER TO one;
            CREATE POLICY p ON "to" FOR SELECT TO two, "Th ree", PUBLIC USING (a = 'TO evil');
            GRANT SELECT("to") ON TABLE t TO four WITH GRANT OPTION;
            REVOKE ALL ON SCHEMA public FROM PUBLIC;
            ALTER DEFAULT PRIVILEGES FOR ROLE five IN SCHEMA s GRANT SELECT ON TABLES TO six;
            CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public; CREATE EXTENSION hstore;
            REVOKE CONNECT,TEMPORARY ON DATABASE "we""ird; DATABASE" FROM PUBLIC;
            GRANT CONNECT ON DATABASE "we""ird; DATABASE" TO seven
            ;
            """);

        definition.Database.Options.Should().Be("ENCODING = 'UTF8' LOCALE_PROVIDER = libc LC_COLLATE = 'C' LC_CTYPE = 'it''s'");
        definition.Database.Owner.Should().Be("Odd; owner");
        definition.Database.Statements.Select(statement => statement.Of("new\"one").Trim()).Should().Equal(
            "COMMENT ON DATABASE \"new\"\"one\" IS 'it''s; mine'",
            "ALTER DATABASE \"new\"\"one\" SET search_path TO 'a', E'b\\'; DROP'",
            "ALTER ROLE \"svc\" IN DATABASE \"new\"\"one\" SET work_mem TO '1MB'",
            "REVOKE CONNECT,TEMPORARY ON DATABASE \"new\"\"one\" FROM PUBLIC",
            "GRANT CONNECT ON DATABASE \"new\"\"one\" TO seven");
        definition.Owners.Should().BeEquivalentTo("Odd; owner", "one", "five");
        definition.Roles.Should().BeEquivalentTo("Odd; owner", "svc", "one", "two", "Th ree", "four", "five", "six", "seven");
        definition.Extensions.Should().BeEquivalentTo("uuid-ossp", "hstore");
    }

    [Theory]
    [InlineData("")]
    [InlineData("'never ends")]
    [InlineData("$tag$ never ends $tag")]
    [InlineData("\"")]
    [InlineData("E'\\")]
    [InlineData("/* never ends; ALTER DATABASE; COMMENT ON DATABASE; GRANT; CREATE DATABASE;")]
    [InlineData("ALTER DATABASE; COMMENT ON DATABASE; GRANT; CREATE DATABASE; CREATE EXTENSION; ALTER ROLE; CREATE POLICY p TO; GRANT ON DATABASE;")]
    public void What_is_cut_off_says_nothing(string script) => Read(script).Roles.Should().BeEmpty();

    [Fact]
    public void A_script_that_is_not_UTF_8_is_read_all_the_same() =>
        DumpDefinition.Read(SqlScript.Of(Encoding.Latin1.GetBytes("ALTER TABLE t OWNER TO \"Jürgen\";")), 15).Owners.Should().Equal("Jürgen");

    private static DumpDefinition Read(string script) => DumpDefinition.Read(SqlScript.Of(Encoding.UTF8.GetBytes(script)), 15);
}
