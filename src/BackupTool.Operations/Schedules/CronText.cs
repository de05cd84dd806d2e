using Cronos;

namespace BackupTool.Operations.Schedules;

/// <summary>Reads what stands after <c>cron =</c>: 5 fields, 6 with seconds before them, or a macro such as <c>@daily</c>.</summary>
internal static class CronText
{
    private const string LibraryPreamble = "The given cron expression has an invalid format. ";

    /// <summary>The expression, or why there is none; one of the two is null.</summary>
    internal static (CronExpression? Expression, string? Problem) Read(string text)
    {
        int fields = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries).Length;
        if (!text.TrimStart().StartsWith('@') && fields is not (5 or 6)) return (null, $"it has {fields} field{(fields == 1 ? "" : "s")}, and needs 5 (minute, hour, day of month, month, day of week) or 6 (second first)");
        try
        {
            return (CronExpression.Parse(text, fields == 6 ? CronFormat.IncludeSeconds : CronFormat.Standard), null);
        }
        catch (CronFormatException e)
        {
            return (null, e.Message.Replace(LibraryPreamble, "", StringComparison.Ordinal).TrimEnd('.'));
        }
        catch (MissingSeedException)
        {
            return (null, "`H` is not a time; `jitter` says how much later than its time a run may begin");
        }
    }
}
