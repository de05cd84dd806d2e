using System.Globalization;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Verify;

namespace BackupTool.Operations.Schedules;

/// <summary>Writes a schedule with its defaults as a file that reads back the same.</summary>
public static class SchedulePrinter
{
    /// <summary>The text, ending in a line feed.</summary>
    public static string Print(ScheduleSettings schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        var text = new StringBuilder();
        text.AppendLine($"cron = {TomlWriter.Quote(schedule.Cron)}");
        if (ZoneName.Find(schedule.TimeZone.Id) is not null) text.AppendLine($"time-zone = {TomlWriter.Quote(schedule.TimeZone.Id)}");
        else text.AppendLine("# time-zone: the machine's, which has no name");
        text.AppendLine($"jitter = {TomlWriter.Quote(DurationText.Format(schedule.Jitter))}");
        text.AppendLine($"catch-up = {(schedule.CatchUp ? "true" : "false")}");
        text.AppendLine($"run = {TomlWriter.Quote(schedule.Run.Select(ScheduleReader.WordOf))}");
        if (schedule.Services is { } services) text.AppendLine($"services = {TomlWriter.Quote(services)}");
        if (schedule.Labels.Count > 0) text.AppendLine($"labels = {TomlWriter.Quote(schedule.Labels)}");
        if (schedule.Keep is { } keep) text.AppendLine($"keep = {RotationPrinter.Describe(keep)}");
        if (schedule.Run.Contains(ScheduleStep.Verify)) text.AppendLine($"verify = {Describe(schedule.Verify)}");
        return text.ToString();
    }

    /// <summary>How long its snapshots are kept, as <c>keep</c> says it; null: for ever.</summary>
    public static string? DescribeKeep(ScheduleSettings schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        return schedule.Keep is { } keep ? RotationPrinter.Describe(keep) : null;
    }

    private static string Describe(ScheduleVerification verify)
    {
        string level = $"level = {TomlWriter.Quote(VerificationReader.Levels.First(each => each.Value == verify.Level).Key)}";
        string? rest = verify.Level == VerifyLevel.Content ? $"snapshots = \"{(verify.EverySnapshot ? "all" : "latest")}\""
            : verify.Parts > 1 ? string.Create(CultureInfo.InvariantCulture, $"subset = \"1/{verify.Parts}\"") : null;
        return rest is null ? $"{{ {level} }}" : $"{{ {level}, {rest} }}";
    }
}
