using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;

namespace BackupTool.Operations.Installation;

/// <summary>What an installation starts from: the configuration that is there, or the one that is proposed where there is none.</summary>
public sealed record InstallBasis
{
    private const string UnitDirectory = "/etc/systemd/system";

    /// <summary>The configuration, its schedules among it; its file is where the installed system finds it.</summary>
    public required BackupConfiguration Configuration { get; init; }

    /// <summary>Files that are proposed, by path: a configuration, a schedule.</summary>
    public required IReadOnlyDictionary<string, string> Proposed { get; init; }

    /// <summary>Reads the configuration, or proposes one; where there is no schedule, the nightly one.</summary>
    /// <param name="root">What stands before every path.</param>
    /// <param name="file">The configuration file, as the installed system sees it.</param>
    /// <exception cref="ConfigurationException">There is one, with errors.</exception>
    public static InstallBasis Find(BytePath root, BytePath file)
    {
        var proposed = new SortedDictionary<string, string>(StringComparer.Ordinal);
        BytePath onDisk = root.Combine(file.WithoutLeadingSlash());
        BackupConfiguration configuration;
        if (PosixFile.TryGetStatusFollowing(onDisk, out _)) configuration = ConfigurationReader.Read(onDisk, null);
        else
        {
            string text = ConfigurationDiscovery.Propose(UnitTexts.TextOf(root));
            proposed[UnitTexts.TextOf(file)] = text;
            configuration = ConfigurationReader.Parse(onDisk, Encoding.UTF8.GetBytes(text), null);
        }
        if (configuration.Schedules.Count == 0)
        {
            BytePath nightly = file.Parent.Combine("schedules").Combine("nightly.toml");
            proposed[UnitTexts.TextOf(nightly)] = ShippedNightly();
            configuration = configuration with { Schedules = [Nightly(nightly)] };
        }
        return new InstallBasis { Configuration = configuration with { File = file }, Proposed = proposed };
    }

    /// <summary>The unit files by path.</summary>
    /// <exception cref="CalendarException">systemd cannot say when a schedule runs.</exception>
    public IReadOnlyDictionary<string, string> UnitFiles(InstallSettings settings, DateTimeOffset now) =>
        UnitTexts.Make(settings, Configuration, now).ToDictionary(static unit => $"{UnitDirectory}/{unit.Key}", static unit => unit.Value);

    /// <summary>Names of credentials that the configuration reads.</summary>
    public IReadOnlyList<string> Credentials => [.. Configuration.Services.Select(static service => service.Postgres?.PasswordCredential)
        .Concat(Configuration.Notify.Channels.SelectMany(static channel => channel.Secrets).Select(static secret => secret.Credential)).OfType<string>().Distinct().Order(StringComparer.Ordinal)];

    internal static string ShippedNightly()
    {
        using var reader = new StreamReader(typeof(InstallBasis).Assembly.GetManifestResourceStream("schedules/nightly.toml")!, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>What that file says.</summary>
    private static ScheduleSettings Nightly(BytePath file) => new ScheduleReader(new ProblemList(file), null).Read(file, "nightly", Encoding.UTF8.GetBytes(ShippedNightly()))!;
}
