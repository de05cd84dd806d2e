namespace BackupTool.Services.Quiescing;

/// <summary>The units that we run in ourselves: whoever stops one of them stops us.</summary>
internal static class OwnUnits
{
    private const string Path = "/proc/self/cgroup";

    /// <summary>Asks the kernel. Empty where there are no control groups.</summary>
    internal static IReadOnlySet<string> Read() => File.Exists(Path) ? Parse(File.ReadAllText(Path)) : new HashSet<string>();

    /// <summary>The names of units on the paths of cgroups(7): <c>0::/system.slice/backup.service</c>.</summary>
    internal static HashSet<string> Parse(string cgroups)
    {
        var units = new HashSet<string>(StringComparer.Ordinal);
        foreach (string line in cgroups.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(':', 3);
            if (fields.Length < 3) continue;
            foreach (string part in fields[2].Split('/'))
                if (part.Contains('.')) units.Add(part);
        }
        return units;
    }
}
