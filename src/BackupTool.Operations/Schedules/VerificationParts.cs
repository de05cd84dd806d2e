using System.Globalization;
using BackupTool.Repositories.Verification;

namespace BackupTool.Operations.Schedules;

/// <summary>Which part of the packs comes next, by the reports in the repository: no run is needed to be on time, and none is to be remembered anywhere else.</summary>
public static class VerificationParts
{
    /// <summary>The part after the one that was read last of so many; null when all is read at once: where nothing was proved yet, too, so that nobody waits for the first proof.</summary>
    public static PackSubset? Next(ScheduleVerification verification, IReadOnlyList<Evidence> reports)
    {
        ArgumentNullException.ThrowIfNull(verification);
        if (verification.Parts <= 1 || VerifiedSnapshots.From(reports).Count == 0) return null;
        string ending = string.Create(CultureInfo.InvariantCulture, $"/{verification.Parts}");
        string? last = reports.Where(report => report.Subset?.EndsWith(ending, StringComparison.Ordinal) == true).MaxBy(static report => report.Time)?.Subset;
        bool isRead = int.TryParse(last?[..^ending.Length], NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        return new PackSubset(isRead ? (number % verification.Parts) + 1 : 1, verification.Parts);
    }
}
