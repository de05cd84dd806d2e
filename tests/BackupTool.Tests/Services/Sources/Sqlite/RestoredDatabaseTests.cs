using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class RestoredDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    private string File_ => _temp.File("bot.db");
    private BytePath Path_ => BytePath.From(File_);

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void A_sound_database_passes_and_nothing_comes_beside_it()
    {
        foreach (string mode in (string[])["DELETE", "WAL"])
        {
            Sql.Make(File_, $"PRAGMA journal_mode={mode}; CREATE TABLE IF NOT EXISTS t(x)");
            byte[] before = File.ReadAllBytes(File_);
            RestoredDatabase.Check(Path_, Test.Token).Should().BeNull();
            RestoredDatabase.HasTable(Path_, "T").Should().BeTrue();
            RestoredDatabase.HasTable(Path_, "u").Should().BeFalse();
            File.ReadAllBytes(File_).Should().Equal(before);
            Directory.GetFiles(_temp.Text).Should().Equal(File_);
        }
    }

    [Fact]
    public void Damage_an_empty_file_nonsense_and_nothing_are_told_apart()
    {
        Func<string?> check = () => RestoredDatabase.Check(Path_, Test.Token);
        check.Should().Throw<SourceException>().WithMessage("*does not exist*");
        File.WriteAllBytes(File_, []);
        check.Should().Throw<NotADatabaseException>().WithMessage("*empty file*");
        File.WriteAllText(File_, "SQLite format 3\0" + new string('j', 5000));
        check.Should().Throw<NotADatabaseException>();
        File.Delete(File_);
        Sql.Make(File_, "CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
        byte[] bytes = File.ReadAllBytes(File_);
        bytes.AsSpan(5 * 4096, 4096).Fill(0x55);
        File.WriteAllBytes(File_, bytes);
        check.Should().Throw<DatabaseDamagedException>().Which.Path.Should().Be(Path_);
    }

    [Fact]
    public void A_schema_that_only_its_service_understands_is_unproven_rather_than_damaged()
    {
        Sql.Make(File_, "CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t VALUES(1); PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(x COLLATE strange)' WHERE name = 'i'");
        RestoredDatabase.Check(Path_, Test.Token).Should().Contain("strange");
    }

    [Theory]
    [InlineData("DELETE")]
    [InlineData("WAL")]
    public void An_edit_stays_in_the_file_with_its_owner_mode_and_attributes_and_leaves_nothing_beside_it(string mode)
    {
        Sql.Make(File_, $"PRAGMA journal_mode={mode}; CREATE TABLE client(id, next_batch); INSERT INTO client VALUES(1, 's1'), (2, 's2')");
        PosixDirectory here = PosixDirectory.Current;
        var attribute = new ExtendedAttribute(BytePath.From("user.note"), [1, 2, 3]);
        here.SetExtendedAttribute(Path_, attribute);
        File.SetUnixFileMode(File_, (UnixFileMode)0x1a0);
        if (PosixIdentity.IsRoot)
        {
            using SafeFileHandle file = here.OpenForReading(Path_);
            PosixFile.SetOwner(file, 1234, 2345, Path_);
        }
        FileStatus before = here.GetStatus(Path_);

        RestoredDatabase.Execute(Path_, ["UPDATE client SET next_batch = NULL", "DELETE FROM client WHERE id = 2;  "]).Should().Equal(2, 1);

        FileStatus after = here.GetStatus(Path_);
        (after.Inode, after.Mode, after.Uid, after.Gid).Should().Be((before.Inode, before.Mode, before.Uid, before.Gid));
        here.ReadExtendedAttributes(Path_).Should().ContainSingle().Which.Value.Should().Equal(attribute.Value);
        Directory.GetFiles(_temp.Text).Should().Equal(File_);
        Sql.Ask(File_, "SELECT group_concat(id || ifnull(next_batch, '-')) FROM client").Should().Be("1-");
        Sql.Ask(File_, "PRAGMA journal_mode").Should().Be(mode.ToLowerInvariant());
    }

    [Fact]
    public void One_statement_that_fails_undoes_all()
    {
        Sql.Make(File_, "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(id REFERENCES parent(id)); INSERT INTO parent VALUES(1); INSERT INTO child VALUES(1)");
        byte[] before = File.ReadAllBytes(File_);
        foreach (string wrong in (string[])["DELETE FROM nowhere", "DELETE FROM parent", "nonsense"])
        {
            Action edit = () => RestoredDatabase.Execute(Path_, ["CREATE TABLE made(x)", wrong]);
            edit.Should().Throw<DatabaseEditException>().WithMessage($"*was not changed: *{wrong}*");
            Directory.GetFiles(_temp.Text).Should().Equal(File_);
            File.ReadAllBytes(File_).Should().Equal(before);
        }
        Action two = () => RestoredDatabase.Execute(Path_, ["DELETE FROM child; DELETE FROM parent"]);
        two.Should().Throw<ArgumentException>();
        Sql.Ask(File_, "SELECT count(*) FROM child").Should().Be(1L);
    }

    [Fact]
    public void Names_that_are_no_text_are_opened_as_bytes()
    {
        Sql.Make(File_, "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
        var odd = new BytePath([.. Encoding.UTF8.GetBytes(_temp.Text), .. "/b\xff%?#.db"u8, 0xfe]);
        PosixDirectory.Current.Rename(Path_, PosixDirectory.Current, odd);
        RestoredDatabase.Check(odd, Test.Token).Should().BeNull();
        RestoredDatabase.Execute(odd, ["INSERT INTO t VALUES(1)"]).Should().Equal(1);
        RestoredDatabase.HasTable(odd, "t").Should().BeTrue();
        using PosixDirectory directory = PosixDirectory.Open(_temp.Path);
        directory.ReadNames().Should().Equal(odd.Name);
    }

    [Fact]
    public void A_log_beside_the_file_is_brought_in()
    {
        using (ChildProcess service = ChildProcess.Start(nameof(SqliteJobs.Hold), File_, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1),(2)")) service.Kill();
        RestoredDatabase.HasTable(Path_, "t").Should().BeTrue();
        RestoredDatabase.Execute(Path_, ["DELETE FROM t WHERE x = 1"]).Should().Equal(1);
        Directory.GetFiles(_temp.Text).Should().Equal(File_);
        Sql.Ask(File_, "SELECT sum(x) FROM t").Should().Be(2L);
    }
}
