using System.Text;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Sources.Postgres;

public sealed class DatabaseNamesTests
{
    private const string Id = "20261123T030000-ab12";

    [Fact]
    public void The_names_say_whose_they_are() =>
        DatabaseNames.For("mautrix", "ab12").Should().Be(new DatabaseNames("mautrix", "mautrix_backup_new_ab12", "mautrix_backup_old_ab12"));

    [Fact]
    public void No_name_is_longer_than_a_server_keeps_and_no_two_of_two_databases_are_the_same()
    {
        string[] live = [new('x', 63), new string('x', 62) + "y", string.Concat(Enumerable.Repeat("ä", 31)), string.Concat(Enumerable.Repeat("🦀", 15)), new('x', 40), "x"];
        string[] all = [.. live.SelectMany(name => new[] { DatabaseNames.For(name, Id).Fresh, DatabaseNames.For(name, Id).Previous })];
        all.Should().OnlyHaveUniqueItems().And.OnlyContain(name => Encoding.UTF8.GetByteCount(name) <= 63 && !name.Contains('\uFFFD') && name.EndsWith(Id, StringComparison.Ordinal));
        DatabaseNames.For(live[3], Id).Fresh.EnumerateRunes().Should().OnlyContain(rune => rune != Rune.ReplacementChar);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    [InlineData("ääääääääääääääääääääääääääääääää")]
    public void What_cannot_be_a_name_is_refused(string name) => FluentActions.Invoking(() => DatabaseNames.For(name, Id)).Should().Throw<SourceException>();

    [Fact]
    public void An_id_that_leaves_no_room_is_a_mistake_of_the_caller() => FluentActions.Invoking(() => DatabaseNames.For("x", new string('1', 33))).Should().Throw<ArgumentException>();
}
