using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>Finds and reads a service's own configuration file.</summary>
internal static class ServiceConfigFile
{
    private const int MaxBytes = 4 << 20;

    /// <summary>The file that the operator named, which must be there; else those of the candidates that are.</summary>
    internal static List<BytePath> Find(ServiceFacts facts, IEnumerable<BytePath> candidates)
    {
        if (facts.ConfigFile is not { } given) return [.. candidates.Distinct().Where(IsFile)];
        if (!IsFile(given))
            throw new ServiceLayoutException($"The configuration file {given} of the service {facts.Name} does not exist or is not a file.",
                $"Correct `config` in [service.{facts.Name}], or leave it out to have the usual places searched.");
        return [given];
    }

    internal static byte[] Read(BytePath file, string service)
    {
        try
        {
            return PosixFile.ReadAllFollowing(file, MaxBytes);
        }
        catch (PosixException e)
        {
            throw new ServiceLayoutException($"The configuration file {file} of the service {service} cannot be read: {e.Message}.",
                "Run as root, or let the account that runs the backup read it.", e);
        }
    }

    /// <summary>For a file that may hold secrets: says where, never what.</summary>
    internal static ServiceLayoutException Unreadable(BytePath file, string service, string what, Toml.TextPlace place) =>
        new($"The configuration file {file} of the service {service} is not {what}: line {place.Line}, column {place.Column}.",
            "Correct it there; the text is not shown because such files hold secrets.");

    internal static bool IsFile(BytePath path) => PosixFile.TryGetStatusFollowing(path, out FileStatus status) && status.Kind == FileKind.Regular;
}
