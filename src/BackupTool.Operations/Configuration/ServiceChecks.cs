using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>What can be wrong between services that are each right.</summary>
internal sealed class ServiceChecks(IReadOnlyList<ServiceSettings> services, TomlTable tables, ProblemList problems)
{
    /// <summary>Every <c>after</c> names another service, and none waits for itself in the end.</summary>
    internal void CheckOrder()
    {
        // A service that was refused for another reason is still one that others may name.
        List<string> known = [.. tables.Entries.Select(static entry => entry.Key)];
        foreach (ServiceSettings service in services)
        {
            foreach (string other in service.After)
            {
                if (!known.Contains(other))
                    problems.Add(PlaceOfAfter(service, other), $"`after` in [service.{service.Name}] names `{other}`, which is no service here",
                        NearestName.Hint(other, [.. known.Where(name => name != service.Name)], "other services"));
            }
        }
        var done = new HashSet<string>();
        foreach (ServiceSettings service in services) FindCycle(service, [], done);
    }

    /// <summary>No backup contains itself, and none contains another without the operator knowing.</summary>
    internal void CheckPlaces(BytePath? repository, BytePath staging)
    {
        foreach (ServiceSettings service in services)
        {
            foreach (BytePath data in service.DataPaths)
            {
                if (repository is { } inner && inner.IsAtOrBelow(data))
                    problems.Add(service.Place, $"the repository {inner} lies in {data} of [service.{service.Name}]: every backup would contain all earlier ones", "Move the repository, or name narrower paths.");
                else if (repository is { } outer && data.IsAtOrBelow(outer))
                    problems.Add(service.Place, $"{data} of [service.{service.Name}] lies in the repository {outer}", "Nothing but the repository may be in its directory: correct one of the paths.");
                if (staging.IsAtOrBelow(data))
                    problems.Add(service.Place, $"the staging directory {staging} lies in {data} of [service.{service.Name}]: a backup would contain its own working copies", "Set `path` in [staging] to a directory outside of it.");
            }
        }
        for (int i = 0; i < services.Count; i++)
            for (int j = i + 1; j < services.Count; j++) WarnOfOverlap(services[i], services[j]);
    }

    private void WarnOfOverlap(ServiceSettings one, ServiceSettings other)
    {
        foreach (BytePath a in one.DataPaths)
        {
            foreach (BytePath b in other.DataPaths)
            {
                if (a.IsAtOrBelow(b) || b.IsAtOrBelow(a))
                    problems.Warn(other.Place, $"{b} of [service.{other.Name}] and {a} of [service.{one.Name}] overlap: what is in both is backed up twice");
            }
        }
    }

    private void FindCycle(ServiceSettings service, List<string> path, HashSet<string> done)
    {
        int start = path.IndexOf(service.Name);
        if (start >= 0)
        {
            List<string> cycle = path[start..];
            problems.Add(PlaceOfAfter(services.First(each => each.Name == path[^1]), service.Name),
                $"`after` goes in a circle: {string.Join(" → ", cycle.Append(service.Name))}", "Remove one of them: a service cannot wait for itself.");
            return;
        }
        if (done.Contains(service.Name)) return;
        path.Add(service.Name);
        foreach (string other in service.After)
            if (services.FirstOrDefault(each => each.Name == other) is { } next) FindCycle(next, path, done);
        path.RemoveAt(path.Count - 1);
        done.Add(service.Name);
    }

    private TextPlace PlaceOfAfter(ServiceSettings service, string other) =>
        tables.FindTable(service.Name)?.Find("after")?.Value is TomlArray array
        && array.Items.OfType<TomlText>().FirstOrDefault(text => text.Value == other) is { } text ? text.Place : service.Place;
}
