// SPDX-License-Identifier: BSD-3-Clause
//
// psec_cxx.cpp - libpsec from C++: a credential, made and validated.
//
//   ./psec_cxx LIST        such as munge, or none
//
//   c++ -o psec_cxx psec_cxx.cpp $(pkg-config --cflags --libs libpsec)

#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <psec.h>

namespace
{

struct Destroy {
	void operator()(psec_t *psec) const
	{
		psec_destroy(psec);
	}
	void operator()(psec_cred_info_t *info) const
	{
		psec_cred_info_destroy(info);
	}
	void operator()(void *cred) const
	{
		std::free(cred);
	}
};

using Context = std::unique_ptr<psec_t, Destroy>;
using Info = std::unique_ptr<psec_cred_info_t, Destroy>;

// libpsec's code and sentence as an exception.
class Error : public std::runtime_error
{
      public:
	explicit Error(const psec_error_t &why)
	    : std::runtime_error(why.text), code(why.code)
	{
	}
	psec_code_t code;
};

Context make_context(const std::string &list)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	psec_error_t why;
	psec_t *psec;

	opt.mechs = list.c_str();
	if (psec_create(&psec, &opt, &why) != PSEC_OK)
		throw Error(why);
	return Context(psec);
}

std::string select(const Context &psec, const std::string &list)
{
	psec_error_t why;
	const char *name;

	if (psec_select(psec.get(), list.c_str(), &name, &why) != PSEC_OK)
		throw Error(why);
	return name;
}

std::string make_credential(const Context &psec, const std::string &mech,
			    const std::string &payload)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_error_t why;
	void *blob;
	std::size_t len;

	req.payload = payload.data();
	req.payload_len = payload.size();
	if (psec_cred_create(psec.get(), mech.c_str(), &req, &blob, &len,
			     &why) != PSEC_OK)
		throw Error(why);
	const std::unique_ptr<void, Destroy> owner(blob);
	return std::string(static_cast<const char *>(blob), len);
}

Info validate(const Context &psec, const std::string &mech,
	      const std::string &cred)
{
	psec_cred_info_t *info;
	psec_error_t why;

	if (psec_cred_validate(psec.get(), mech.c_str(), cred.data(),
			       cred.size(), &info, &why) != PSEC_OK)
		throw Error(why);
	return Info(info);
}

int run(const std::string &list)
{
	const Context psec = make_context(list);
	const std::string mech = select(psec, list);
	const std::string cred = make_credential(psec, mech, "from C++");
	const Info info = validate(psec, mech, cred);

	std::cout << mech << ": uid " << info->uid << ", gid " << info->gid
		  << ", payload '"
		  << std::string(reinterpret_cast<const char *>(info->payload),
				 info->payload_len)
		  << "'\n";
	return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::cerr << "usage: psec_cxx LIST\n";
		return PSEC_ERR_ARG;
	}
	try {
		return run(argv[1]);
	} catch (const Error &e) {
		std::cerr << "psec_cxx: " << psec_strcode(e.code) << ": "
			  << e.what() << '\n';
		return e.code;
	}
}
