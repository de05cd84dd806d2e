using System.Collections.Frozen;
using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Verify;

namespace BackupTool.Operations.Schedules;

/// <summary>Reads <c>verify = { level = "data", subset = "1/7" }</c>.</summary>
internal sealed class VerificationReader(ProblemList problems)
{
    private const string Shape = "{ level = \"data\", subset = \"1/7\" }";
    private const int MostParts = 1000;

    internal static readonly FrozenDictionary<string, VerifyLevel> Levels = new Dictionary<string, VerifyLevel>
    {
        ["structure"] = VerifyLevel.Structure,
        ["data"] = VerifyLevel.Data,
        ["content"] = VerifyLevel.Content,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, bool> Choices = new Dictionary<string, bool> { ["latest"] = false, ["all"] = true }.ToFrozenDictionary();

    internal ScheduleVerification Read(TableReader reader, string name)
    {
        var usual = new ScheduleVerification();
        if (reader.Table("verify", Shape) is not { } table) return usual;
        VerifyLevel level = table.Choice("level", Levels) ?? usual.Level;
        bool? every = table.Choice("snapshots", Choices);
        int? parts = ReadParts(table);
        if (every is not null && level != VerifyLevel.Content)
            problems.Add(table.Entry("snapshots")!.KeyPlace, $"`snapshots` of `verify` in {name} is for level = \"content\" only", "The levels structure and data look at all snapshots.");
        if (parts is not null && level != VerifyLevel.Data)
            problems.Add(table.Entry("subset")!.KeyPlace, $"`subset` of `verify` in {name} is for level = \"data\" only", "Remove one of the two.");
        table.RefuseOtherKeys();
        return new ScheduleVerification { Level = level, EverySnapshot = every ?? usual.EverySnapshot, Parts = parts ?? usual.Parts };
    }

    private int? ReadParts(TableReader table)
    {
        if (table.Text("subset") is not { } text) return null;
        string[] numbers = text.Split('/');
        if (numbers is ["1", _] && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parts) && parts is >= 1 and <= MostParts) return parts;
        problems.Add(table.Entry("subset")!.Value.Place, $"`subset` is `{text}`, which is no share", $"Write it like \"1/7\": every run reads a seventh of the packs, and the next one the next seventh. The smallest is 1/{MostParts}.");
        return null;
    }
}
