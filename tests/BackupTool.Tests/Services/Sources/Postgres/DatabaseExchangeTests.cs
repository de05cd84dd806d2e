using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Sources.Postgres;

public sealed class DatabaseExchangeTests
{
    private static readonly DatabaseNames Names = new("L", "F", "P");

    /// <summary>Every state that there can be: which exist (a letter each), and what is done to go there; "!" is refused.</summary>
    [Theory]
    [InlineData(DatabaseSide.Fresh, true, "LF", "L>P F>L")]
    [InlineData(DatabaseSide.Fresh, true, "LP", "")]
    [InlineData(DatabaseSide.Fresh, true, "FP", "F>L")]
    [InlineData(DatabaseSide.Fresh, true, "LFP", "!")]
    [InlineData(DatabaseSide.Fresh, true, "L", "!")]
    [InlineData(DatabaseSide.Fresh, true, "F", "!")]
    [InlineData(DatabaseSide.Fresh, true, "P", "!")]
    [InlineData(DatabaseSide.Fresh, true, "", "!")]
    [InlineData(DatabaseSide.Fresh, false, "F", "F>L")]
    [InlineData(DatabaseSide.Fresh, false, "L", "")]
    [InlineData(DatabaseSide.Fresh, false, "LF", "!")]
    [InlineData(DatabaseSide.Fresh, false, "LP", "!")]
    [InlineData(DatabaseSide.Fresh, false, "FP", "!")]
    [InlineData(DatabaseSide.Fresh, false, "LFP", "!")]
    [InlineData(DatabaseSide.Fresh, false, "P", "!")]
    [InlineData(DatabaseSide.Fresh, false, "", "!")]
    [InlineData(DatabaseSide.Previous, true, "LP", "L>F P>L")]
    [InlineData(DatabaseSide.Previous, true, "LF", "")]
    [InlineData(DatabaseSide.Previous, true, "L", "")]
    [InlineData(DatabaseSide.Previous, true, "FP", "P>L")]
    [InlineData(DatabaseSide.Previous, true, "P", "P>L")]
    [InlineData(DatabaseSide.Previous, true, "LFP", "!")]
    [InlineData(DatabaseSide.Previous, true, "F", "!")]
    [InlineData(DatabaseSide.Previous, true, "", "!")]
    [InlineData(DatabaseSide.Previous, false, "L", "L>F")]
    [InlineData(DatabaseSide.Previous, false, "F", "")]
    [InlineData(DatabaseSide.Previous, false, "", "")]
    [InlineData(DatabaseSide.Previous, false, "LF", "!")]
    [InlineData(DatabaseSide.Previous, false, "LP", "!")]
    [InlineData(DatabaseSide.Previous, false, "FP", "!")]
    [InlineData(DatabaseSide.Previous, false, "LFP", "!")]
    [InlineData(DatabaseSide.Previous, false, "P", "!")]
    public void From_every_state_there_is_one_way(DatabaseSide to, bool hadLive, string there, string renames)
    {
        Func<string> plan = () => string.Join(' ', DatabaseExchange.Plan(Names, State(there), to, hadLive).Select(static rename => $"{rename.From}>{rename.To}"));
        if (renames == "!") plan.Should().Throw<SourceException>().Which.Hint.Should().Contain("psql -l");
        else plan().Should().Be(renames);
    }

    [Fact]
    public void What_is_half_dropped_never_becomes_live()
    {
        Action plan = () => DatabaseExchange.Plan(Names, State("L") with { Fresh = new DatabaseFound(0, "o", 0, IsHalfDropped: true) }, DatabaseSide.Fresh, hadLive: true);
        plan.Should().Throw<SourceException>().WithMessage("database F cannot come back as L: somebody began to drop it");
    }

    [Fact]
    public void A_half_dropped_live_database_may_be_moved_away() =>
        DatabaseExchange.Plan(Names, State("F") with { Live = new DatabaseFound(0, "o", 0, IsHalfDropped: true) }, DatabaseSide.Fresh, hadLive: true).Should().HaveCount(2);

    private static DatabaseState State(string there) => new(Found('L'), Found('F'), Found('P'))
    {
        Live = there.Contains('L') ? Found('L') : null,
        Fresh = there.Contains('F') ? Found('F') : null,
        Previous = there.Contains('P') ? Found('P') : null,
    };

    private static DatabaseFound Found(char name) => new(1, $"owner of {name}", 0, false);
}
