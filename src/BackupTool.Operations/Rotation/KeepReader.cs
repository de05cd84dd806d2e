using BackupTool.Operations.Configuration;
using BackupTool.Repositories.Retention;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Rotation;

/// <summary>Reads <c>keep = { last = 3, daily = 7, within = "48h" }</c>.</summary>
internal static class KeepReader
{
    private const string Shape = "{ last = 3, daily = 7, weekly = 4 }";
    private const int Most = 100_000;

    /// <summary>The policy; null when there is no such key, or it is wrong. A policy that keeps nothing is wrong.</summary>
    internal static RetentionPolicy? Read(TableReader table, ProblemList problems)
    {
        if (table.Table("keep", Shape) is not { } keep) return null;
        int problemsBefore = problems.Count;
        var policy = new RetentionPolicy
        {
            Last = keep.Integer("last", 0, Most) ?? 0,
            Hourly = keep.Integer("hourly", 0, Most) ?? 0,
            Daily = keep.Integer("daily", 0, Most) ?? 0,
            Weekly = keep.Integer("weekly", 0, Most) ?? 0,
            Monthly = keep.Integer("monthly", 0, Most) ?? 0,
            Yearly = keep.Integer("yearly", 0, Most) ?? 0,
            Within = keep.Age("within", "Write it like \"36h\" or \"30d\", or remove it."),
        };
        keep.RefuseOtherKeys();
        if (policy != new RetentionPolicy()) return policy;
        // A wrong value reads as none: then that is what is wrong.
        if (problems.Count > problemsBefore) return null;
        TextPlace place = table.Entry("keep")!.Value.Place;
        problems.Add(place, "`keep` keeps nothing", $"Say how many: keep = {Shape}. To keep everything, remove the line.");
        return null;
    }
}
