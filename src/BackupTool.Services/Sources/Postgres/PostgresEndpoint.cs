using System.Globalization;
using System.Text;
using BackupTool.Posix;
using Npgsql;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>A target with everything decided: which socket, which role, as which system user. Makes the two forms of address, Npgsql's and libpq's.</summary>
internal sealed class PostgresEndpoint
{
    private static readonly string[] SocketDirectories = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

    private PostgresEndpoint(PostgresTarget target, string host, SystemUser runAs, PostgresOptions options)
    {
        Target = target;
        Host = host;
        RunAs = runAs;
        Options = options;
    }

    internal PostgresTarget Target { get; }

    /// <summary>A host's name or address, or the directory of a socket.</summary>
    internal string Host { get; }

    internal bool IsSocket => Host[0] == '/';

    internal string Role => Target.Role ?? Target.SystemUser;

    /// <summary>Who connects and whom the programs run as: the target's system user where we may be that, else ourselves.</summary>
    internal SystemUser RunAs { get; }

    internal PostgresOptions Options { get; }

    /// <summary>Decides; connects to nothing.</summary>
    /// <exception cref="SourceException">A value cannot be used, there is no socket, or no such system user.</exception>
    internal static PostgresEndpoint Resolve(PostgresTarget target, PostgresOptions options)
    {
        RequireUsable("database's name", target.Database);
        RequireUsable("host", target.Host ?? "-");
        RequireUsable("role", target.Role ?? "-");
        if (target.Host?.Contains(',') == true) throw Unusable("host", "it names more than one host");
        if (target.Port is < 1 or > 65535) throw Unusable("port", "it is not between 1 and 65535");
        if (target.Password?.Reveal().AsSpan().IndexOfAny('\n', '\r', '\0') >= 0) throw Unusable("password", "it holds a line's end or a NUL");
        string host = target.Host ?? FindSocketDirectory(target, options.SocketDirectories ?? SocketDirectories);
        SystemUser? user = SystemUser.Find(target.SystemUser);
        if (user is null && host[0] == '/' && target.Password is null)
            throw new SourceException($"{target} cannot be reached: this host has no system user {target.SystemUser} to connect as",
                "Correct the system user in the configuration, or give a role and a password.");
        return new PostgresEndpoint(target, host, user is not null && PosixIdentity.IsRoot ? user : SystemUser.Current, options);
    }

    /// <summary>The same server and credentials, another database.</summary>
    internal PostgresEndpoint To(string database) => new(Target with { Database = database }, Host, RunAs, Options);

    /// <summary>For Npgsql. Only for <see cref="PostgresConnection"/>: it holds the password.</summary>
    internal NpgsqlConnectionStringBuilder ForNpgsql()
    {
        string passfile = Path.Combine(RunAs.Home, ".pgpass");
        return new NpgsqlConnectionStringBuilder
        {
            Host = Host,
            Port = Target.Port,
            Database = Target.Database,
            Username = Role,
            Password = Target.Password?.Reveal(),
            Passfile = Target.Password is null && File.Exists(passfile) ? passfile : null,
            ApplicationName = "backup",
            Pooling = false,
            Timeout = Seconds(Options.ConnectTimeout),
            CommandTimeout = Seconds(Options.ConnectTimeout),
            // Both are for firewalls that forget idle connections while a dump of hours runs.
            KeepAlive = 30,
            TcpKeepAlive = true,
        };
    }

    /// <summary>
    /// For the programs' <c>--dbname</c>: a connection string with every value quoted (libpq, "Keyword/Value Connection Strings"), because a bare name with <c>=</c> in it is taken for one.
    /// Holds no password.
    /// </summary>
    internal string ForLibpq(string? passfile)
    {
        var text = new StringBuilder();
        Add("host", Host);
        Add("port", Target.Port.ToString(CultureInfo.InvariantCulture));
        Add("user", Role);
        Add("dbname", Target.Database);
        Add("application_name", "backup");
        Add("connect_timeout", Seconds(Options.ConnectTimeout).ToString(CultureInfo.InvariantCulture));
        if (passfile is not null) Add("passfile", passfile);
        return text.ToString();

        void Add(string key, string value) => text.Append(text.Length == 0 ? "" : " ").Append(key).Append('=').Append(QuoteForLibpq(value));
    }

    /// <summary>A value of a connection string.</summary>
    internal static string QuoteForLibpq(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

    /// <summary>The text with the password in it starred out: for what programs and servers say.</summary>
    internal string Mask(string text) =>
        Target.Password?.Reveal() is { Length: > 0 } password ? text.Replace(password, "***", StringComparison.Ordinal) : text;

    private static int Seconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    private static string FindSocketDirectory(PostgresTarget target, IReadOnlyList<string> directories)
    {
        string socket = string.Create(CultureInfo.InvariantCulture, $".s.PGSQL.{target.Port}");
        return directories.FirstOrDefault(directory => File.Exists(Path.Combine(directory, socket)))
            ?? throw new SourceException($"{target} cannot be reached: there is no {socket} in {string.Join(" or ", directories)}",
                "Start PostgreSQL, or name the directory of its socket, or its host, in the configuration.");
    }

    private static void RequireUsable(string what, string value)
    {
        if (value.Length == 0) throw Unusable(what, "it is empty");
        if (value.Contains('\0')) throw Unusable(what, "it holds a NUL");
    }

    private static SourceException Unusable(string what, string why) =>
        new($"the PostgreSQL {what} cannot be used: {why}", "Correct it in the configuration.");
}
