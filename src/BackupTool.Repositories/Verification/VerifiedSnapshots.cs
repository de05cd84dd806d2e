using System.Globalization;
using System.Text.RegularExpressions;

namespace BackupTool.Repositories.Verification;

/// <summary>
/// Which snapshots were proved by a verification: every byte that they need was read (level data or content), and nothing was found. Reports of parts count together when there is one of
/// each part 1…t of the same t, each of them naming the snapshot. A later report of any level that finds something wrong with the snapshot itself, or with a pack that it needs, takes the proof back.
/// </summary>
public static partial class VerifiedSnapshots
{
    /// <summary>Their ids, and when each was proved last.</summary>
    /// <param name="reports">All evidence, in any order.</param>
    public static IReadOnlyDictionary<string, DateTimeOffset> From(IEnumerable<Evidence> reports)
    {
        ArgumentNullException.ThrowIfNull(reports);
        var verified = new Dictionary<string, DateTimeOffset>();
        var parts = new Dictionary<(string Snapshot, int Of), HashSet<int>>();
        foreach (Evidence report in reports.OrderBy(static report => report.Time))
        {
            foreach (string id in report.Problems.SelectMany(static problem => Id.Matches(problem)).Select(static match => match.Value).Distinct()) Forget(id);
            if (report.Problems.Length > 0 || report.Level is not ("data" or "content")) continue;
            foreach (string snapshot in report.Snapshots.Distinct())
                if (CompletesProof(report.Subset, snapshot)) verified[snapshot] = report.Time;
        }
        return verified;

        void Forget(string snapshot)
        {
            verified.Remove(snapshot);
            foreach ((string Snapshot, int Of) key in parts.Keys.Where(key => key.Snapshot == snapshot).ToList()) parts.Remove(key);
        }

        bool CompletesProof(string? subset, string snapshot)
        {
            if (subset is null) return true;
            if (!TryParse(subset, out int number, out int of)) return false;
            if (!parts.TryGetValue((snapshot, of), out HashSet<int>? seen)) parts[(snapshot, of)] = seen = [];
            seen.Add(number);
            return seen.Count == of;
        }
    }

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Id { get; }

    private static bool TryParse(string subset, out int number, out int of)
    {
        string[] texts = subset.Split('/');
        of = 0;
        return int.TryParse(texts[0], NumberStyles.None, CultureInfo.InvariantCulture, out number) && texts.Length == 2
            && int.TryParse(texts[1], NumberStyles.None, CultureInfo.InvariantCulture, out of) && number >= 1 && number <= of;
    }
}
