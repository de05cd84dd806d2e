using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Configuration;

/// <summary>A service found on this machine, and what to configure for it.</summary>
/// <param name="Name">For <c>[service.NAME]</c>.</param>
/// <param name="Kind">A kind that a profile knows.</param>
/// <param name="Unit">The systemd unit; null when only data were found.</param>
/// <param name="ConfigFile">The service's own configuration, if it is there.</param>
/// <param name="Data">Its data directory, if it is there.</param>
/// <param name="Evidence">Why it is proposed, in a sentence.</param>
internal sealed record FoundService(string Name, string Kind, string? Unit, BytePath? ConfigFile, BytePath? Data, string Evidence);

/// <summary>Looks for the services that the tool knows, by their units and their data.</summary>
internal sealed class ServiceFinder(BytePath root)
{
    private static readonly string[] UnitDirectories = ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
    private static readonly string[] HomeserverNames = ["continuwuity", "matrix-continuwuity", "conduwuit", "tuwunel", "conduit", "matrix-conduit"];

    internal List<FoundService> Find()
    {
        var found = new List<FoundService>();
        foreach (SystemdUnitFile unit in Units())
            if (KindOf(unit.Name) is { } kind) found.Add(FromUnit(unit, kind));
        foreach (string name in HomeserverNames.Append("maubot"))
        {
            if (DataBelowVarLib(name) is { } data && !found.Exists(service => service.Name == name || service.Data == data))
                found.Add(new FoundService(name, KindOf(name)!, null, null, data, $"no unit of it was found, but {data} is there"));
        }
        return found;
    }

    private FoundService FromUnit(SystemdUnitFile unit, string kind)
    {
        // maubot's relative paths start from the directory that it runs in.
        BytePath? data = kind == "maubot" && unit.WorkingDirectory is { } working and not "/" && Exists(working) ? BytePath.From(working) : null;
        data ??= unit.StateDirectory is { } state ? DataBelowVarLib(state) : null;
        data ??= DataBelowVarLib(unit.Name);
        if (kind == "maubot") data ??= DataBelowVarLib("maubot");
        if (kind == "postgres") data = null;   // dumped, not copied

        string? config = unit.Option("-c", "--config", "--config-path") ?? (unit.ConfigVariables is [var variable, ..] ? variable : null);
        string evidence = $"the unit {unit.File}" + (unit.User is { } user ? $", run as {user}" : "");
        if (config?.StartsWith("/nix/store/", StringComparison.Ordinal) == true)
        {
            evidence += "; its configuration is in the Nix store under a name that changes with every rebuild, and so is not named here";
            config = null;
        }
        return new FoundService(unit.Name, kind, unit.Name + ".service", config is not null && Exists(config) ? BytePath.From(config) : null, data, evidence);
    }

    /// <summary>Every unit of every directory; a name counts where systemd would look first.</summary>
    private IEnumerable<SystemdUnitFile> Units()
    {
        var seen = new HashSet<string>();
        foreach (string directory in UnitDirectories)
        {
            BytePath path = root.Combine(directory);
            if (!PosixFile.TryGetStatusFollowing(path, out FileStatus status) || status.Kind != FileKind.Directory) continue;
            using PosixDirectory open = PosixDirectory.Open(path);
            foreach (BytePath name in open.ReadNames())
            {
                if (!name.IsUtf8 || !name.Bytes.EndsWith(".service"u8)) continue;
                string text = Encoding.UTF8.GetString(name.Bytes[..^".service"u8.Length]);
                if (KindOf(text) is null || !seen.Add(text)) continue;
                if (SystemdUnitFile.TryRead(text, path.Combine(name)) is { } unit) yield return unit with { File = BytePath.From($"/{directory}").Combine(name) };
            }
        }
    }

    /// <summary>The kind that a unit's name stands for; null for all others, and for names that no service in the configuration can have.</summary>
    private static string? KindOf(string name) => name switch
    {
        "matrix-continuwuity" or "continuwuity" => "continuwuity",
        "matrix-conduit" or "conduit" => "conduit",
        "conduwuit" or "tuwunel" or "maubot" or "forgejo" => name,
        "gitea" => "forgejo",
        "synapse" or "matrix-synapse" => "synapse",
        "postgresql" => "postgres",
        _ when name.StartsWith("mautrix-", StringComparison.Ordinal) && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') => "mautrix",
        _ => null,
    };

    private BytePath? DataBelowVarLib(string name)
    {
        foreach (string candidate in new[] { $"/var/lib/{name}", $"/var/lib/private/{name}" })
            if (Exists(candidate)) return BytePath.From(candidate);
        return null;
    }

    /// <summary>Whether it is there below the root. A link is: /var/lib/NAME leads to /var/lib/private/NAME, which not everybody may enter.</summary>
    private bool Exists(string path) => PosixDirectory.Current.TryGetStatus(root.Combine(path.TrimStart('/')), out _);
}
