// SPDX-License-Identifier: BSD-3-Clause
//
// credential_cxx.cpp - PMIx's credentials from C++.
//
//   srun --mpi=pmix -n1 ./credential_cxx get PATH
//   srun --mpi=pmix -n1 ./credential_cxx check PATH UID
//
// As credential_file.c, whose files it reads, and the other way round.
//
//   c++ -o credential_cxx credential_cxx.cpp $(pkg-config --cflags --libs pmix)

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <pmix.h>

namespace
{

using Bytes = std::vector<char>;

void check(const char *what, pmix_status_t rc)
{
	if (rc != PMIX_SUCCESS)
		throw std::runtime_error(std::string(what) + ": " +
					 PMIx_Error_string(rc));
}

class Session
{
      public:
	Session()
	{
		check("PMIx_Init", PMIx_Init(&me_, nullptr, 0));
	}
	~Session()
	{
		PMIx_Finalize(nullptr, 0);
	}
	Session(const Session &) = delete;
	Session &operator=(const Session &) = delete;

      private:
	pmix_proc_t me_;
};

Bytes get_credential()
{
	pmix_byte_object_t cred = { nullptr, 0 };

	check("PMIx_Get_credential", PMIx_Get_credential(nullptr, 0, &cred));
	Bytes bytes(cred.bytes, cred.bytes + cred.size);
	std::free(cred.bytes);
	return bytes;
}

// The answer to a validation.
class Answer
{
      public:
	Answer(Bytes bytes, std::uint32_t uid)
	{
		pmix_byte_object_t cred = { bytes.data(), bytes.size() };
		pmix_info_t expected;

		PMIX_INFO_LOAD(&expected, PMIX_USERID, &uid, PMIX_UINT32);
		check("PMIx_Validate_credential",
		      PMIx_Validate_credential(&cred, &expected, 1, &info_,
					       &ninfo_));
	}
	~Answer()
	{
		if (info_)
			PMIX_INFO_FREE(info_, ninfo_);
	}
	Answer(const Answer &) = delete;
	Answer &operator=(const Answer &) = delete;

	const pmix_value_t &at(const char *key) const
	{
		for (std::size_t i = 0; i < ninfo_; i++)
			if (PMIX_CHECK_KEY(&info_[i], key))
				return info_[i].value;
		throw std::runtime_error(std::string("no ") + key);
	}

      private:
	pmix_info_t *info_ = nullptr;
	std::size_t ninfo_ = 0;
};

void write_file(const std::string &path, const Bytes &bytes)
{
	umask(077); // a credential is as good as its owner
	std::ofstream out(path, std::ios::binary | std::ios::trunc);
	out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
	if (!out.flush())
		throw std::runtime_error("cannot write " + path);
}

Bytes read_file(const std::string &path)
{
	std::ifstream in(path, std::ios::binary);
	if (!in)
		throw std::runtime_error("cannot read " + path);
	return Bytes(std::istreambuf_iterator<char>(in), {});
}

} // namespace

int main(int argc, char **argv)
{
	const std::vector<std::string> args(argv + 1, argv + argc);

	try {
		const Session session;

		if (args.size() == 2 && args[0] == "get") {
			write_file(args[1], get_credential());
		} else if (args.size() == 3 && args[0] == "check") {
			const Answer answer(read_file(args[1]),
					    static_cast<std::uint32_t>(
						    std::stoul(args[2])));

			std::cout
				<< "uid " << answer.at(PMIX_USERID).data.uint32
				<< ", job " << answer.at(PMIX_JOBID).data.string
				<< ", proven: "
				<< answer.at("psec.proven").data.string << '\n';
		} else {
			std::cerr << "usage: credential_cxx get PATH\n"
				     "       credential_cxx check PATH UID\n";
			return 2;
		}
	} catch (const std::exception &why) {
		std::cerr << "credential_cxx: " << why.what() << '\n';
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
